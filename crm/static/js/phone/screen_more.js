/* PK and meetings as far as the phone knows them, and what this phone is and keeps. */
import { S } from "./account.js";
import { MEASURES } from "./choices.js";
import { button, fill, h, link, panel } from "./dom.js";
import * as records from "./records.js";
import { withoutWorker } from "./says.js";
import { standing } from "./screen_today.js";
import { clock, page, t } from "./words.js";

export function buildPk(place) {
  const draw = () => fill(place, S.bundle ? standing(S.bundle) : h("p.wt-muted", {}, t("today.empty")),
    S.bundle && h("p.wt-muted.wt-small", {}, t("as_of", { time: clock(S.bundle.as_of) })),
    panel(t("pk.page"), h("p", {}, t("needs_network")), link(t("pk.open"), "/contests", { symbol: "trophy" })));
  draw();
  return draw;
}

export function buildMeetings(place) {
  const draw = () => fill(place,
    S.bundle && panel(t("today.pledge"), h("dl.wt-facts", {}, MEASURES.map((name) => {
      const { done = 0, pledged = null } = S.bundle.pledge?.[name] ?? {};
      return h("div", {}, h("dt", {}, t(`measure.${name}`)), h("dd", {}, pledged === null ? String(done) : t("measure.of", { done, pledged })));
    }))),
    panel(t("meetings.page"), h("p", {}, t("needs_network")),
      h("div.wt-row", {}, link(t("meetings.open"), "/meetings", { symbol: "microphone" }), link(t("log.open"), "/log", { symbol: "clipboard-list" }))));
  draw();
  return draw;
}

let install = null;
addEventListener("beforeinstallprompt", (event) => {
  event.preventDefault();
  install = event;
  dispatchEvent(new CustomEvent("wt-look"));
});
addEventListener("appinstalled", () => { install = null; });

export function build(place) {
  const draw = async () => {
    const installed = matchMedia("(display-mode: standalone)").matches;
    const worker = "serviceWorker" in navigator && Boolean(navigator.serviceWorker.controller);
    fill(place,
      panel(t("about.install"), installed ? h("p", {}, t("about.installed")) : [
        h("p", {}, t("about.install.words")),
        install && button(t("about.install.do"), async () => { await install.prompt(); install = null; draw(); }, { kind: "wt-primary", symbol: "download" })]),
      withoutWorker(),
      panel(t("about.keeps"), h("p", {}, t("about.keeps.words")), h("p", {}, t("about.privacy"))),
      panel(t("about.phone"), h("dl.wt-facts", {},
        fact(t("about.version"), page.version), fact(t("about.device"), S.device?.slice(0, 8)), fact(t("about.user"), S.session?.user?.name),
        fact(t("about.offline"), t(worker ? "yes" : "no")), fact(t("about.lasting"), t((await lasting()) ? "yes" : "no")), fact(t("about.used"), await used()),
        fact(t("about.waiting"), String(records.unsent())))));
  };
  draw();
  return draw;
}

const fact = (label, words) => words && h("div", {}, h("dt", {}, label), h("dd", {}, words));

async function lasting() {
  try { return await navigator.storage.persisted(); } catch { return false; }
}

async function used() {
  try { return `${((await navigator.storage.estimate()).usage / 1048576).toFixed(1)} MB`; } catch { return null; }
}
