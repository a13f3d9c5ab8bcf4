/* My team today, for its lead: who did what, who entered last, what came late. */
import { S, cache, cached } from "./account.js";
import { button, fill, h, link, note, panel } from "./dom.js";
import { Trouble, mustAsk } from "./net.js";
import { clock, day, t } from "./words.js";

const COUNTS = ["valid", "touched", "consults", "applications", "accepted"];
const LATE = ["visits", "consults", "applications", "accepted"];

export async function build(place) {
  let team = await cached("team");
  let trouble = null;
  let busy = false;
  const draw = () => fill(place,
    h("div.wt-row", {}, button(t("team.refresh"), fetchTeam, { symbol: "refresh", disabled: busy }), team?.export?.startsWith("/") && link(t("team.export"), team.export, { symbol: "file-spreadsheet" })),
    trouble && note("warn", t(trouble)),
    team ? content(team) : !trouble && h("p.wt-muted", {}, t("team.loading")));
  async function fetchTeam() {
    busy = true;
    draw();
    try {
      const { data } = await mustAsk("/m/api/team");
      if (!Array.isArray(data.rows)) throw new Trouble("garbage");
      team = data;
      trouble = null;
      await cache("team", data);
    } catch (error) {
      trouble = error.kind === "forbidden" ? "team.forbidden" : error.kind === "signed_out" ? "net.signed_out.words" : "team.offline";
    }
    busy = false;
    draw();
  }
  draw();
  if (S.user !== null) fetchTeam();
  return null;
}

function content(team) {
  const late = team.rows.filter((row) => LATE.some((name) => row.late?.[name]));
  return [
    h("p.wt-muted", {}, [team.team?.name ?? team.team, day(team.day), team.cut_off && t("team.cut_off", { time: team.cut_off })].filter(Boolean).join(" · ")),
    table(t("team.members"), team.rows, team.total, COUNTS, (row) => row),
    h("ul.wt-list", {}, team.rows.map((row) => h("li", {}, h("div.wt-line", {}, h("strong", {}, row.name),
      h("small", {}, row.last_at ? t("team.last", { time: clock(row.last_at) }) : t("team.nothing"), tallies(row)))))),
    panel(t("team.late"), late.length
      ? table(t("team.late"), late, team.total, LATE, (row) => row.late ?? {})
      : h("p.wt-muted", {}, t("team.late.none"))),
    panel(t("team.notes"), team.notes?.length
      ? h("ul.wt-list", {}, team.notes.map((one) => h("li", {}, h("div.wt-line", {}, h("span", {}, one.text), h("small", {}, `${one.member} · ${clock(one.at)}`)))))
      : h("p.wt-muted", {}, t("team.notes.none"))),
  ];
}

const tallies = (row) => Object.entries(row.tallies ?? {}).filter(([, n]) => n).map(([name, n]) => ` · ${t(`metric.${name}`)} ${n}`).join("");

function table(title, rows, total, names, of) {
  const line = (label, values, tag = "tr") => h(tag, {}, h("th", { scope: "row" }, label), names.map((name) => h("td", {}, values[name] ?? 0)));
  return h("table.wt-table", {}, h("caption", {}, title),
    h("thead", {}, h("tr", {}, h("th", { scope: "col" }, t("team.member")), names.map((name) => h("th", { scope: "col" }, t(`team.${name}`))))),
    h("tbody", {}, rows.map((row) => line(row.name, of(row)))),
    total && h("tfoot", {}, line(t("team.total"), of(total))));
}
