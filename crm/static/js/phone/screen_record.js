/* What to record: a visit, a lead, or a count without a name. */
import { S } from "./account.js";
import { METRICS } from "./choices.js";
import { button, fill, h, link, panel } from "./dom.js";
import * as records from "./records.js";
import { failedToast, full, savedToast } from "./says.js";
import { flush } from "./sync.js";
import { t } from "./words.js";

export function build(place) {
  const draw = () => {
    const at = place.contains(document.activeElement) ? document.activeElement.dataset.key : null;
    fill(place,
      h("div.wt-big-row", {},
        link(t("record.visit"), "#visit", { kind: "wt-big", symbol: "building-store" }),
        link(t("record.lead"), "#lead", { kind: "wt-big", symbol: "user-plus" })),
      panel(t("tally.title"), h("p.wt-muted", {}, t("tally.words")), METRICS.map(counter)));
    if (at) place.querySelector(`[data-key="${at}"]`)?.focus();
  };
  draw();
  return draw;
}

const counted = (metric) =>
  (S.bundle?.tallies?.[metric] ?? 0) + records.fresh("tally").map(records.dataOf).filter((data) => data?.metric === metric).reduce((sum, data) => sum + data.delta, 0);

function counter(metric) {
  const name = t(`metric.${metric}`);
  const n = counted(metric);
  return h("div.wt-counter", {},
    h("span", {}, name), h("strong", { "aria-live": "polite" }, n),
    button("−1", () => count(metric, -1), { disabled: n < 1, "aria-label": t("tally.undone", { name }), "data-key": `${metric}-` }),
    button("+1", () => count(metric, 1), { kind: "wt-primary", "aria-label": t("tally.saved", { name }), "data-key": `${metric}+` }));
}

async function count(metric, delta) {
  try {
    await records.save("tally", { metric, delta }, { onFull: full });
    await records.load();
    savedToast(delta > 0 ? { label: t("undo"), run: () => count(metric, -1) } : null, t(delta > 0 ? "tally.saved" : "tally.undone", { name: t(`metric.${metric}`) }));
    flush();
  } catch (error) {
    failedToast(error);
  }
}
