/* Charts drawn from the JSON beside their table. Colours can be told apart by people who see red and green alike;
   shapes, patterns and labels say the same again. Everything is SVG: sharp on a projector and in print. */
(() => {
  "use strict";
  const COLOURS = ["#0d6273", "#d08700", "#4c7fc0", "#b9502f", "#7a659f", "#5c7f3a", "#8a5a44", "#64747d"];
  const ON_DARK = ["#5bc0d4", "#f4b24a", "#9db8f2", "#f08f70", "#c4b4ee", "#a5d17a", "#d9a58c", "#b6c5cb"];
  const dark = () => document.documentElement.dataset.bsTheme === "dark";
  const SYMBOLS = ["circle", "rect", "triangle", "diamond", "roundRect", "pin", "arrow", "emptyCircle"];
  const WHITE = "rgba(255,255,255,.42)";
  const DECALS = [ // the first stays plain; the others differ by pattern as well as by colour
    { symbol: "none" },
    { color: WHITE, dashArrayX: [1, 0], dashArrayY: [2, 5], rotation: Math.PI / 4 },
    { color: WHITE, symbol: "circle", symbolSize: .5, dashArrayX: [[6, 6], [0, 6, 6, 0]], dashArrayY: [5, 0] },
    { color: WHITE, dashArrayX: [1, 0], dashArrayY: [2, 5], rotation: -Math.PI / 4 },
    { color: WHITE, dashArrayX: [1, 0], dashArrayY: [2, 4] },
    { color: WHITE, symbol: "rect", symbolSize: .6, dashArrayX: [[5, 5], [0, 5, 5, 0]], dashArrayY: [5, 0] },
  ];
  const STEPS = ["#0d6273", "#357f8d", "#5c9ba7", "#84b6bf", "#abd0d6"];
  const format = new Intl.NumberFormat("zh-CN", { maximumFractionDigits: 1 });

  function look() {
    const style = getComputedStyle(document.body);
    const token = (name) => style.getPropertyValue(name).trim();
    return { colours: dark() ? ON_DARK : COLOURS, ink: token("--wt-ink"), muted: token("--wt-muted"), line: token("--wt-line"), paper: token("--wt-paper"), font: style.fontFamily, size: parseFloat(style.fontSize) * 0.9 };
  }
  const shown = (data) => (value) => (value === null || value === undefined ? "—" : format.format(value) + (data.percent ? "%" : ""));

  function base(data, theme, many) {
    return {
      animation: !matchMedia("(prefers-reduced-motion: reduce)").matches,
      animationDuration: 250,
      color: theme.colours,
      textStyle: { fontFamily: theme.font, fontSize: theme.size, color: theme.ink },
      aria: { enabled: true, decal: { show: many, decals: DECALS } },
      legend: many ? { top: 0, left: 0, itemWidth: 18, itemHeight: 10, itemGap: 16, textStyle: { color: theme.ink, fontSize: theme.size } } : undefined,
      // rich text is drawn inside the SVG; an HTML tooltip would need inline styles, which the page forbids
      tooltip: { trigger: "axis", renderMode: "richText", confine: true, backgroundColor: theme.paper, borderColor: theme.line, textStyle: { color: theme.ink, fontSize: theme.size },
        axisPointer: { type: "shadow", shadowStyle: { opacity: 0.12 } }, valueFormatter: shown(data) },
      grid: { left: 4, right: 24, top: theme.size * (many ? 3.6 : 1.8), bottom: 4, containLabel: true },
    };
  }
  const brief = (data) => data.x.join("").length <= 24; // few short names stand side by side: none of them may be left out
  const names = (data, theme) => ({ type: "category", data: data.x, axisTick: { show: false }, axisLine: { lineStyle: { color: theme.line } }, axisLabel: { color: theme.muted, fontSize: theme.size, hideOverlap: !brief(data), interval: brief(data) ? 0 : "auto" } });
  const amounts = (data, theme) => ({ type: "value", minInterval: data.percent ? 0 : 1, splitLine: { lineStyle: { color: theme.line } }, axisLabel: { color: theme.muted, fontSize: theme.size, formatter: (v) => format.format(v) + (data.percent ? "%" : "") } });

  function bars(data, theme, lying, stacked) {
    const many = data.series.length > 1;
    const labels = data.x.length * (stacked ? 1 : data.series.length) <= 24;
    const option = base(data, theme, many);
    option[lying ? "yAxis" : "xAxis"] = Object.assign(names(data, theme), lying ? { inverse: true } : {});
    option[lying ? "xAxis" : "yAxis"] = amounts(data, theme);
    option.series = data.series.map(([name, values]) => ({
      name, type: "bar", data: values, barMaxWidth: theme.size * 2.6, stack: stacked ? "all" : undefined, labelLayout: { hideOverlap: true }, itemStyle: { borderRadius: stacked ? 0 : 2 },
      label: { show: labels, position: stacked ? "inside" : lying ? "right" : "top", color: stacked ? "#fff" : theme.ink, fontSize: theme.size, textBorderWidth: stacked ? 2 : 0, textBorderColor: "rgba(0,0,0,.45)", formatter: (p) => (p.value ? shown(data)(p.value) : "") },
    }));
    if (data.target) option.series[0].markLine = { symbol: "none", lineStyle: { color: theme.ink, type: "dashed" }, label: { color: theme.ink, formatter: shown(data)(data.target) }, data: [lying ? { xAxis: data.target } : { yAxis: data.target }] };
    return option;
  }
  function line(data, theme) {
    const many = data.series.length > 1;
    const option = base(data, theme, many);
    option.aria.decal.show = false;
    option.xAxis = Object.assign(names(data, theme), { boundaryGap: false });
    option.yAxis = amounts(data, theme);
    option.grid.right = many ? 84 : 40;
    option.tooltip.axisPointer = { type: "line", lineStyle: { color: theme.muted } };
    option.series = data.series.map(([name, values], place) => ({
      name, type: "line", data: values, symbol: SYMBOLS[place % SYMBOLS.length], symbolSize: 7, lineStyle: { width: 2, type: ["solid", "dashed", "dotted"][Math.floor(place / 3) % 3] },
      endLabel: { show: true, color: theme.ink, fontSize: theme.size, formatter: (p) => (many ? name : shown(data)(p.value)) },
      labelLayout: { moveOverlap: "shiftY" },
    }));
    return option;
  }
  function funnel(data, theme) {
    const option = base(data, theme, false);
    const values = data.series[0][1];
    option.tooltip.trigger = "item";
    option.series = [{
      type: "funnel", sort: "none", left: 90, right: 90, top: 6, bottom: 6, minSize: "2%", gap: 3, itemStyle: { color: COLOURS[0], borderWidth: 0 },
      label: { show: true, position: "left", color: theme.ink, fontSize: theme.size, formatter: (p) => p.name + "  " + shown(data)(p.value) },
      data: data.x.map((name, place) => ({ name, value: values[place], itemStyle: { color: STEPS[place % STEPS.length] } })),
    }];
    return option;
  }
  function heat(data, theme) {
    const option = base(data, theme, false);
    const cells = data.series.flatMap(([, values], row) => values.map((value, column) => [column, row, value ?? "-"]));
    const top = Math.max(1, ...cells.map((cell) => Number(cell[2]) || 0));
    option.tooltip = Object.assign(option.tooltip, { trigger: "item" });
    option.grid = { left: 4, right: 8, top: 4, bottom: 40, containLabel: true };
    option.xAxis = names(data, theme);
    option.yAxis = Object.assign(names(data, theme), { data: data.series.map(([name]) => name), inverse: true });
    option.visualMap = { min: 0, max: top, calculable: false, orient: "horizontal", left: 0, bottom: 0, itemHeight: 120, itemWidth: 12, textStyle: { color: theme.muted }, inRange: { color: ["#eef4f5", "#8fbcc5", "#0d6273"] } };
    option.series = [{ type: "heatmap", data: cells.map((cell) => ({ value: cell, label: { color: Number(cell[2]) > top * 0.55 ? "#fff" : "#16262d" } })),
      label: { show: cells.length <= 200, fontSize: theme.size, formatter: (p) => shown(data)(p.value[2]) }, itemStyle: { borderColor: theme.paper, borderWidth: 2 } }];
    return option;
  }
  function pie(data, theme) {
    const option = base(data, theme, false);
    option.tooltip.trigger = "item";
    option.aria.decal.show = true;
    const values = data.series[0][1];
    const total = values.reduce((sum, value) => sum + (value || 0), 0);
    const part = (value) => (total ? ((100 * (value || 0)) / total).toFixed(1) + "%" : "—");
    option.legend = { orient: "vertical", right: 0, top: "middle", itemWidth: 14, itemHeight: 10, textStyle: { color: theme.ink, fontSize: theme.size }, formatter: (name) => name + "  " + shown(data)(values[data.x.indexOf(name)]) + "  " + part(values[data.x.indexOf(name)]) };
    option.series = [{ type: "pie", radius: ["38%", "66%"], center: ["28%", "50%"], itemStyle: { borderColor: theme.paper, borderWidth: 2 }, label: { show: false }, labelLine: { show: false },
      data: data.x.map((name, place) => ({ name, value: values[place] })) }];
    return option;
  }
  const KINDS = { bar: (d, t) => bars(d, t, false, false), hbar: (d, t) => bars(d, t, true, false), stacked: (d, t) => bars(d, t, false, true), line, funnel, heatmap: heat, pie };

  function draw(figure) {
    const picture = figure.querySelector(".wt-chart-picture");
    const source = figure.querySelector('script[type="application/json"]');
    if (!picture || !source || !window.echarts || picture.dataset.drawn) return;
    const data = JSON.parse(source.textContent);
    if (!data.x.length || !KINDS[data.kind]) { picture.hidden = true; return; }
    picture.dataset.drawn = "1";
    const chart = window.echarts.init(picture, null, { renderer: "svg" });
    chart.setOption(KINDS[data.kind](data, look()));
    new ResizeObserver(() => chart.resize()).observe(picture);
  }
  const drawAll = (root) => root.querySelectorAll("[data-chart]").forEach(draw);
  document.addEventListener("htmx:afterSwap", (event) => drawAll(event.target));

  // The library weighs more than all the rest of a page. A phone fetches it when a picture comes into sight; the table is there before.
  const library = document.createElement("script");
  library.src = document.currentScript.dataset.library;
  library.onload = () => drawAll(document);
  const fetchLibrary = () => { if (!library.isConnected) document.head.append(library); };
  const figures = document.querySelectorAll("[data-chart]");
  if (!figures.length) return;
  if (!window.IntersectionObserver || !matchMedia("(max-width: 575.98px)").matches) { fetchLibrary(); return; }
  const watcher = new IntersectionObserver((seen) => {
    if (!seen.some((one) => one.isIntersecting)) return;
    watcher.disconnect();
    fetchLibrary();
  });
  figures.forEach((figure) => watcher.observe(figure));
})();
