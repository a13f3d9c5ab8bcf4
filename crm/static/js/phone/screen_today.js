/* Where my team stands, and what waits for me. */
import { S } from "./account.js";
import { MEASURES } from "./choices.js";
import { fill, h, link, panel } from "./dom.js";
import * as records from "./records.js";
import { withoutWorker } from "./says.js";
import { clock, day, t } from "./words.js";

export function build(place) {
  const draw = () => fill(place, S.user === null ? strangers() : screen());
  draw();
  return draw;
}

function strangers() {
  return [
    panel(t("welcome"), h("p", {}, t("welcome.words")), S.colleagues > 0 && h("p", {}, t("colleague.waits", { n: S.colleagues })),
      link(t("sign_in"), signInAddress(), { kind: "wt-primary", symbol: "login" })),
    withoutWorker(),
  ];
}

export const signInAddress = () => `/sign-in?next=${encodeURIComponent(location.pathname)}`;

function screen() {
  const { bundle, session } = S;
  const campaign = records.campaign();
  return [
    h("div.wt-big-row", {},
      link(t("record.visit"), "#visit", { kind: "wt-big", symbol: "building-store" }),
      link(t("record.lead"), "#lead", { kind: "wt-big", symbol: "user-plus" })),
    outbox(),
    withoutWorker(),
    panel(session?.team?.name ?? t("no_team"),
      bundle === null ? h("p.wt-muted", {}, t("today.empty")) : [
        h("p", {}, campaign ? [bundle.campaigns.length > 1 ? null : campaign.name, campaign.district].filter(Boolean).join(" · ") : t("no_campaign")),
        campaign && !campaign.walk_in && h("p.wt-muted", {}, `${day(campaign.starts_on)} – ${day(campaign.ends_on)}`),
        bundle.campaigns.length > 1 && chooser(bundle, campaign),
      ]),
    bundle && pledge(bundle),
    bundle && standing(bundle),
    bundle && followUps(bundle),
    bundle && h("p.wt-muted.wt-small", {}, t("as_of", { time: clock(bundle.as_of) })),
  ];
}

function chooser(bundle, campaign) {
  const box = h("select", { "aria-label": t("campaign.choose"), onchange: () => { S.campaign = Number(box.value); dispatchEvent(new CustomEvent("wt-look")); } },
    bundle.campaigns.map((one) => h("option", { value: one.id }, one.name)));
  box.value = campaign?.id ?? "";
  return h("div.wt-field", {}, box);
}

function outbox() {
  const open = records.unsent();
  const needs = records.needing().length;
  if (!open) return null;
  return h("a.wt-note.wt-note-warn.wt-note-link", { href: "#outbox" }, h("div", {},
    h("strong", {}, t("to_send", { n: open })), needs > 0 && h("div", {}, t("needs_you", { n: needs }))));
}

function pledge(bundle) {
  const rows = MEASURES.map((name) => {
    const { done = 0, pledged = null } = bundle.pledge?.[name] ?? {};
    const mine = freshCount(name);
    const words = pledged === null ? String(done) : t("measure.of", { done, pledged });
    return h("div.wt-measure", {},
      h("span", {}, t(`measure.${name}`)), h("strong", {}, words),
      pledged !== null && h("progress", { max: Math.max(pledged, 1), value: pledged === 0 ? 1 : Math.min(done, pledged), "aria-label": t(`measure.${name}`) }),
      h("small.wt-muted", {}, pledged !== null && done < pledged ? t("measure.gap", { n: pledged - done }) : pledged !== null ? t("measure.kept") : "",
        mine > 0 && ` ${t("measure.fresh", { n: mine })}`));
  });
  return panel(t("today.pledge"), h("div.wt-measures", {}, rows));
}

function freshCount(name) {
  if (name === "visits") return records.fresh("visit").filter((record) => !records.undone(record.uuid)).length;
  const stage = { consults: "consult", applications: "application", accepted: "accepted" }[name];
  return [...records.fresh("lead"), ...records.fresh("stage")].filter((record) => records.dataOf(record)?.stage === stage).length;
}

export function standing(bundle) {
  if (!bundle.pk?.length) return panel(t("tab.pk"), h("p.wt-muted", {}, t("pk.none")));
  return panel(t("tab.pk"), bundle.pk.map((one) => h("div.wt-standing", {},
    h("strong.wt-rank", {}, one.rank === null ? "—" : t("pk.rank", { rank: one.rank })),
    h("div", {}, h("div", {}, one.name),
      h("small.wt-muted", {}, t("pk.points", { points: one.points, teams: one.teams }), " · ",
        one.gap === null ? t("pk.first") : t("pk.gap", { gap: one.gap }))))));
}

function followUps(bundle) {
  const { overdue = 0, today = 0, coming = 0 } = bundle.follow_ups ?? {};
  return panel(t("today.follow_ups"),
    h("div.wt-three", {}, [["overdue", overdue], ["today", today], ["coming", coming]].map(([name, n]) =>
      h(`div${name === "overdue" && n ? ".wt-bad" : ""}`, {}, h("strong", {}, n), h("span", {}, t(`due.${name}`))))),
    link(t("today.to_leads"), "#leads/due", { symbol: "phone" }));
}
