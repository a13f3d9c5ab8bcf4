/* My leads and what is due: the little that a phone may keep, and what was done here since. */
import { S, today } from "./account.js";
import { button, chips, field, fill, h, icon, link, note, panel, read, select, tell, toast } from "./dom.js";
import * as drafts from "./drafts.js";
import { Trouble, mustAsk } from "./net.js";
import * as records from "./records.js";
import { failedToast, full, savedToast } from "./says.js";
import { flush, posting } from "./sync.js";
import { grouped, masked } from "./values.js";
import { intents } from "./choices.js";
import { clock, day, t } from "./words.js";

const SHOWN = 100;
const NEXT = { "": ["consult", "application", "accepted"], consult: ["application", "accepted"], application: ["accepted"], accepted: [] };
let searched = "";

/** Leads of the bundle, and those of this phone that the server has not told of yet, newest first. */
export function allLeads() {
  const known = new Set((S.bundle?.leads ?? []).map((lead) => lead.uid));
  const own = [...records.fresh("lead"), ...S.records.filter((record) => record.kind === "lead" && record.state === "needs")]
    .filter((record) => !known.has(record.uuid) && records.dataOf(record)).map(local).reverse();
  return [...own, ...(S.bundle?.leads ?? []).map(withChanges)];
}

function local(record) {
  const data = records.dataOf(record);
  return withChanges({
    uid: record.uuid, record, name: data.name, phone: data.phone ? masked(data.phone) : "", full: data.phone ?? "", shop: data.shop, trade: data.trade,
    stage: data.stage, intent: data.intent, follow_up_on: data.follow_up_on, owner: S.session?.user?.name, created_on: today(), may_call: Boolean(data.phone),
    may_stage: record.state === "needs" ? [] : NEXT[data.stage ?? ""], state: record.state,
  });
}

/** Stages and days that were noted here and not sent yet show at once. */
function withChanges(lead) {
  const changes = [...records.fresh("stage"), ...records.fresh("note")].filter((record) => records.dataOf(record)?.lead === lead.uid);
  if (!changes.length) return lead;
  const now = { ...lead, changes };
  for (const data of changes.map(records.dataOf)) {
    if (data.stage) { now.stage = data.stage; now.may_stage = (now.may_stage ?? []).filter((stage) => (NEXT[data.stage] ?? []).includes(stage)); }
    if (data.follow_up_on) now.follow_up_on = data.follow_up_on;
    if (data.intent) now.intent = data.intent;
  }
  return now;
}

export function build(place, filter) {
  const list = h("div");
  const tabs = h("div.wt-filters", { role: "group", "aria-label": t("leads.which") });
  const search = h("input", { type: "search", placeholder: t("leads.search"), "aria-label": t("leads.search"), autocomplete: "off", value: searched,
    oninput: () => { searched = search.value; draw(); } });
  fill(place, h("div.wt-search", {}, search), tabs, list);
  const draw = () => {
    const all = allLeads();
    const kinds = { "": all, due: all.filter(isDue), unsent: all.filter((lead) => lead.record || lead.changes) };
    fill(tabs, Object.entries(kinds).map(([kind, found]) =>
      link(`${t(`leads.${kind || "all"}`)} ${found.length}`, kind ? `#leads/${kind}` : "#leads", { kind: "wt-filter", "aria-current": (filter ?? "") === kind ? "true" : null })));
    const found = (kinds[filter ?? ""] ?? all).filter(matches);
    if (filter === "due") found.sort((one, other) => one.follow_up_on.localeCompare(other.follow_up_on));
    fill(list, found.length ? h("ul.wt-list", {}, found.slice(0, SHOWN).map(row)) : empty(all),
      found.length > SHOWN && h("p.wt-muted", {}, t("leads.more", { n: found.length - SHOWN })),
      S.bundle && h("p.wt-muted.wt-small", {}, t("as_of", { time: clock(S.bundle.as_of) })));
  };
  draw();
  return draw;
}

const isDue = (lead) => Boolean(lead.follow_up_on) && lead.follow_up_on <= today() && !lead.no_contact;

function matches(lead) {
  const wanted = searched.trim().toLowerCase();
  return !wanted || [lead.name, lead.shop, lead.phone, lead.owner, lead.full].some((text) => text?.toLowerCase().includes(wanted));
}

const empty = (all) => h("div.wt-empty", {}, h("p", {}, t(all.length ? "leads.none_found" : "leads.none")), link(t("record.lead"), "#lead", { kind: "wt-primary", symbol: "user-plus" }));

function row(lead) {
  const due = isDue(lead);
  return h("li", {}, h("a", { href: `#lead/${lead.uid}` },
    h("span.wt-grow", {}, h("strong", {}, lead.name, lead.intent && ` · ${lead.intent}`),
      h("small", {}, [lead.shop || (lead.trade && t(`trade.${lead.trade}`)), lead.phone, lead.owner].filter(Boolean).join(" · ")),
      lead.follow_up_on && h(`small${due ? ".wt-bad" : ""}`, {}, `${t("follow_up")} ${day(lead.follow_up_on)}${due ? ` · ${t(lead.follow_up_on < today() ? "due.overdue" : "due.today")}` : ""}`)),
    h("span.wt-side-badges", {}, h("span.wt-badge", {}, t(lead.stage ? `stage.${lead.stage}` : "stage.none")),
      (lead.record?.state === "waiting" || lead.changes?.some((one) => one.state === "waiting")) && h("span.wt-badge.wt-badge-warn", {}, t("leads.unsent_one")),
      lead.record?.state === "needs" && h("span.wt-badge.wt-badge-bad", {}, t("outbox.needs_one")),
      lead.no_contact && h("span.wt-badge.wt-badge-bad", {}, t("lead.no_contact")))));
}

/* ---- one lead ---- */

export async function buildOne(place, uid) {
  const name = `note:${uid}`;
  const kept = (await drafts.read(name)) ?? {};
  const facts = h("div");
  const state = { busy: false };
  const form = noteForm(uid, name, kept, state);
  const drawFacts = () => {
    const lead = allLeads().find((one) => one.uid === uid);
    if (!lead) { fill(facts, h("div.wt-empty", {}, h("p", {}, t("lead.gone")), link(t("tab.leads"), "#leads"))); form.hidden = true; return; }
    form.hidden = Boolean(lead.no_contact) || lead.state === "needs";
    fill(facts, card(lead), done(lead));
  };
  fill(place, facts, form);
  drawFacts();
  return drawFacts;
}

function card(lead) {
  const said = h("div", { "aria-live": "polite" });
  const line = (label, words) => words && h("div", {}, h("dt", {}, label), h("dd", {}, words));
  return panel(null,
    h("h2", {}, lead.name, " ", h("span.wt-badge", {}, t(lead.stage ? `stage.${lead.stage}` : "stage.none"))),
    h("dl.wt-facts", {}, line(t("lead.shop"), lead.shop), line(t("trade"), lead.trade && t(`trade.${lead.trade}`)), line(t("lead.phone"), lead.phone), line(t("intent"), lead.intent && t(`intent.${lead.intent}`)),
      line(t("follow_up"), lead.follow_up_on && day(lead.follow_up_on)), line(t("lead.officer"), lead.owner), line(t("lead.created"), lead.created_on && day(lead.created_on))),
    lead.record?.state === "waiting" && note("info", t("lead.here_only")),
    lead.record?.state === "needs" && note("bad", h("p", {}, lead.record.told?.message || t("outbox.refused")), link(t("outbox.edit"), `#edit/${lead.uid}`)),
    lead.no_contact && note("bad", t("lead.no_contact.words")),
    h("div.wt-row", {},
      !lead.no_contact && lead.may_call !== false && button(t("call"), (event) => call(lead, said, event.currentTarget), { kind: "wt-primary", symbol: "phone" }),
      lead.id && link(t("lead.page"), `/leads/${lead.id}`, { symbol: "link" })),
    said,
    !lead.no_contact && (lead.may_stage ?? []).length > 0 && stageForm(lead));
}

function stageForm(lead) {
  const number = field(t("case_number"), "case_number", { maxlength: 64, help: t("case_number.help") });
  const form = h("form.wt-stages", { novalidate: true, onsubmit: (event) => event.preventDefault() },
    h("p", {}, t("stage.next")),
    lead.may_stage.includes("accepted") && number,
    h("div.wt-row", {}, lead.may_stage.map((stage) => button(t(`stage.${stage}`), async () => {
      const wanted = stage === "accepted";
      const case_number = wanted ? read(form).case_number.trim() : "";
      if (!tell(form, wanted && !case_number ? { case_number: t("error.case_number") } : {})) return;
      await keepRecord("stage", { lead: lead.uid, stage, case_number }, t("stage.saved", { stage: t(`stage.${stage}`) }));
    }))));
  return form;
}

async function keepRecord(kind, data, words, more = {}) {
  try {
    const id = await records.save(kind, data, { onFull: full, ...more });
    await records.load();
    savedToast(null, words);
    flush();
    return id;
  } catch (error) {
    failedToast(error);
    return null;
  }
}

/** The number comes from the server, which counts and logs each look; of a lead that is still here only, from here. */
async function call(lead, said, by) {
  let phone = lead.record ? lead.full : "";
  if (!phone) {
    by.disabled = true;
    try {
      const { data } = await mustAsk(`/m/api/leads/${lead.id}/phone`, posting({ json: { reason: "follow_up" } }));
      phone = typeof data.phone === "string" ? data.phone : "";
    } catch (error) {
      const words = error instanceof Trouble && error.answer?.data?.message;
      toast(words || t(error.kind === "signed_out" ? "net.signed_out" : "call.needs_network"), "warn", null, 8);
      return;
    } finally {
      by.disabled = false;
    }
  }
  const address = `tel:${phone}`;
  fill(said, h("p.wt-phone-number", {}, h("a.wt-btn", { href: address }, icon("phone"), grouped(phone))));
  location.assign(address);
}

function noteForm(uid, name, kept, state) {
  const form = h("form.wt-form.wt-panel", {
    novalidate: true,
    oninput: () => drafts.keep(name, { ...read(form), supersedes: kept.supersedes }),
    onsubmit: async (event) => {
      event.preventDefault();
      const now = read(form);
      if (!now.text.trim() && !now.follow_up_on && !now.intent) { tell(form, { text: t("error.note") }); return; }
      if (state.busy) return;
      state.busy = true;
      await drafts.settled(name);
      const data = { lead: uid, text: now.text.trim(), follow_up_on: now.follow_up_on, intent: now.intent ?? "" };
      const saved = await keepRecord("note", data, t("note.saved"), { draft: drafts.draftId(name), supersedes: kept.supersedes ?? null });
      state.busy = false;
      if (!saved) return;
      delete kept.supersedes;
      form.reset();
      tell(form, {});
    },
  },
    h("h2", {}, t("note.title")),
    field(t("note.text"), "text", { type: "area", value: kept.text, maxlength: 1000, help: t("note.help") }),
    field(t("follow_up"), "follow_up_on", { type: "date", min: today(), value: kept.follow_up_on }),
    chips(t("intent.new"), "intent", intents(), kept.intent ?? ""),
    button(t("note.save"), () => form.requestSubmit(), { kind: "wt-primary.wt-wide", symbol: "check" }));
  return form;
}

function done(lead) {
  const own = S.records.filter((record) => ["stage", "note"].includes(record.kind) && records.dataOf(record)?.lead === lead.uid && record.state !== "replaced").reverse();
  if (!own.length) return null;
  return panel(t("lead.done_here"), h("ul.wt-list", {}, own.map((record) => {
    const data = records.dataOf(record);
    return h("li", {}, h("div.wt-line", {}, h("span", {}, [data.stage && t(`stage.${data.stage}`), data.text, data.follow_up_on && `${t("follow_up")} ${day(data.follow_up_on)}`].filter(Boolean).join(" · ") || t(`kind.${record.kind}`)),
      h("small", {}, `${clock(record.at)} · ${t(`state.${record.state}`)}`)));
  })));
}
