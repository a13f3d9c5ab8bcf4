/* A lead in twenty seconds: four fields, the notice, three boxes that nobody ticked before. */
import { uuid } from "./bytes.js";
import { S, today } from "./account.js";
import { CHANNELS, approaches, hows, intents, needs, premises, segments, stages, trades, turnovers } from "./choices.js";
import { button, chips, confirmed, field, fill, h, note, read, select, tell, tick } from "./dom.js";
import * as drafts from "./drafts.js";
import * as records from "./records.js";
import { failedToast, full, savedToast } from "./says.js";
import { flush } from "./sync.js";
import { alike, leadErrors, masked, mobile } from "./values.js";
import { day, t } from "./words.js";

const FORM = "lead";
const DETAILS = ["years", "premises", "turnover", "lender", "purpose", "term", "call_time"];
const FINANCIAL = ["turnover", "lender"];
const FURTHER = ["shop", "address", "segment", "approach", "licence_number", "note", ...DETAILS];

export async function build(place, argument) {
  const editing = argument ? S.records.find((record) => record.uuid === argument && record.state === "needs") : null;
  const name = editing ? `${FORM}:${editing.uuid}` : FORM;
  const kept = (await drafts.read(name)) ?? fromRecord(editing) ?? {};
  draw(place, { editing, name, busy: false, since: kept.since ?? null }, kept);
  return null;
}

function fromRecord(record) {
  const data = record?.body?.data;
  if (!data) return null;
  const { details = {}, consent = {}, ...plain } = data;
  return { ...plain, ...details, enquiry: consent.enquiry, marketing: consent.marketing ?? [], financial: consent.financial, how: consent.how, since: record.at };
}

function draw(place, state, kept) {
  const hint = h("div.wt-hint", { "aria-live": "polite" });
  const form = h("form.wt-form", {
    novalidate: true,
    oninput: () => { state.since ??= Date.now(); changed(); drafts.keep(state.name, { ...read(form), since: state.since }); },
    onsubmit: (event) => { event.preventDefault(); save(place, form, state); },
  },
    state.editing && note("bad", h("p", {}, state.editing.told?.message || t("outbox.refused"))),
    field(t("lead.name"), "name", { required: true, value: kept.name, maxlength: 80, placeholder: t("lead.name.hint") }),
    field(t("lead.phone"), "phone", { type: "tel", inputmode: "tel", required: true, value: kept.phone, maxlength: 32 }), hint,
    chips(t("trade"), "trade", trades(), kept.trade ?? "", { required: true }),
    consent(kept),
    chips(t("intent"), "intent", intents(), kept.intent ?? ""),
    h("div.wt-two", {},
      select(t("stage.reached"), "stage", stages(), kept.stage ?? ""),
      field(t("case_number"), "case_number", { value: kept.case_number, maxlength: 64, help: t("case_number.help") })),
    h("div.wt-two", {},
      select(t("need"), "need", needs(), kept.need ?? ""),
      field(t("amount"), "amount_wan", { inputmode: "decimal", value: kept.amount_wan, unit: t("amount.unit") })),
    field(t("follow_up"), "follow_up_on", { type: "date", min: today(), value: kept.follow_up_on, help: t("follow_up.help") }),
    further(kept));
  const changed = () => {
    const now = read(form);
    const accepted = now.stage === "accepted";
    form.elements.case_number.closest(".wt-field").hidden = !accepted;
    for (const name of FINANCIAL) form.elements[name].disabled = !now.financial;
    duplicates(hint, mobile(now.phone), state.editing);
  };
  fill(place, form, h("div.wt-save-bar", {},
    button(t("clear"), () => clear(place, form, state), { kind: "wt-quiet" }),
    button(t("save.lead"), () => form.requestSubmit(), { kind: "wt-primary.wt-wide", symbol: "check" })));
  changed();
}

function consent(kept) {
  const { notice } = S.session ?? {};
  const given = kept.marketing ?? [];
  return h("fieldset.wt-ticks", {},
    h("legend", {}, t("consent"), h("span.wt-star", { "aria-hidden": "true" }, " *")),
    notice && h("details.wt-notice", {}, h("summary", {}, t("consent.notice", { number: notice.number })), notice.body.split("\n").filter(Boolean).map((line) => h("p", {}, line))),
    tick(t("consent.enquiry"), "enquiry", kept.enquiry),
    h("p.wt-error", { hidden: true }),
    h("div.wt-sub", { role: "group", "aria-label": t("consent.marketing") }, h("p", {}, t("consent.marketing")),
      h("div.wt-tick-row", {}, CHANNELS.map((code) => tick(t(`channel.${code}`), "marketing", given.includes(code), null, code)))),
    tick(t("consent.financial"), "financial", kept.financial),
    h("small.wt-muted", {}, t("consent.free")),
    select(t("consent.how"), "how", hows(), kept.how ?? "spoken_sms"));
}

function further(kept) {
  const filled = FURTHER.some((name) => kept[name]);
  return h("details.wt-further", { open: filled }, h("summary", {}, t("lead.further")),
    field(t("lead.shop"), "shop", { value: kept.shop, maxlength: 120 }),
    field(t("lead.address"), "address", { value: kept.address, maxlength: 200 }),
    h("div.wt-two", {}, select(t("segment"), "segment", segments(), kept.segment ?? ""), select(t("approach"), "approach", approaches(), kept.approach ?? "")),
    h("div.wt-two", {}, field(t("details.purpose"), "purpose", { value: kept.purpose, maxlength: 100 }), field(t("details.term"), "term", { value: kept.term, maxlength: 40 })),
    h("div.wt-two", {}, field(t("details.years"), "years", { value: kept.years, inputmode: "numeric", maxlength: 2 }), select(t("details.premises"), "premises", premises(), kept.premises ?? "")),
    field(t("details.call_time"), "call_time", { value: kept.call_time, maxlength: 60 }),
    h("p.wt-muted", {}, t("lead.financial_only")),
    h("div.wt-two", {}, select(t("details.turnover"), "turnover", turnovers(), kept.turnover ?? ""), field(t("details.lender"), "lender", { value: kept.lender, maxlength: 60 })),
    field(t("lead.licence"), "licence_number", { value: kept.licence_number, maxlength: 18 }),
    field(t("lead.note"), "note", { type: "area", value: kept.note, maxlength: 1000, help: t("lead.note.help") }));
}

/** Who has this customer already, as far as this phone can know. */
function duplicates(hint, phone, editing) {
  const known = alike(S.bundle?.leads ?? [], phone);
  const mine = phone ? S.records.filter((record) => record.kind === "lead" && records.isOpenRecord(record) && record !== editing && mobile(records.dataOf(record)?.phone ?? "") === phone) : [];
  fill(hint, known.map((lead) => note("warn", h("p", {}, t("lead.alike", { name: lead.name, day: day(lead.created_on), officer: lead.owner ?? "—" })),
    h("a", { href: `#lead/${lead.uid}` }, t("lead.open")))),
  mine.map((record) => note("warn", t("lead.alike_here", { name: records.dataOf(record).name, phone: masked(phone) }))));
}

async function clear(place, form, state) {
  const typed = Object.entries(read(form)).some(([name, value]) => name !== "how" && value !== "" && value !== false && value?.length !== 0);
  if (typed && !(await confirmed(t("clear"), t("clear.words"), t("clear")))) return;
  await drafts.drop(state.name);
  if (state.editing) location.replace("#outbox");
  else draw(place, { ...state, since: null }, {});
}

async function save(place, form, state) {
  if (state.busy) return;
  const now = read(form);
  if (!tell(form, leadErrors(now))) return;
  state.busy = true;
  try {
    await drafts.settled(state.name);
    const data = dataOf(now);
    const id = uuid();
    await records.save("lead", data, {
      id, occurredAt: new Date(state.since ?? Date.now()), supersedes: state.editing?.uuid ?? null, draft: drafts.draftId(state.name), onFull: full,
    });
    await records.load();
    savedToast({ label: t("lead.show"), run: () => { location.hash = `#lead/${id}`; } }, `${data.name} · ${t("saved")}`);
    navigator.vibrate?.(30);
    if (state.editing) location.replace("#outbox");
    else { draw(place, { editing: null, name: FORM, busy: false, since: null }, {}); document.scrollingElement.scrollTop = 0; document.querySelector("h1").focus({ preventScroll: true }); }
    flush();
  } catch (error) {
    state.busy = false;
    failedToast(error);
  }
}

function dataOf(now) {
  const details = {};
  for (const name of DETAILS) {
    const value = (now[name] ?? "").trim();
    if (value && (now.financial || !FINANCIAL.includes(name))) details[name] = value;
  }
  return {
    name: now.name.trim(), phone: mobile(now.phone) || now.phone.trim(), trade: now.trade, shop: now.shop.trim(), address: now.address.trim(),
    licence_number: now.licence_number.trim(), segment: now.segment, approach: now.approach, intent: now.intent ?? "", need: now.need,
    amount_wan: now.amount_wan.trim(), note: now.note.trim(), stage: now.stage, case_number: now.stage === "accepted" ? now.case_number.trim() : "",
    follow_up_on: now.follow_up_on, session: null, details,
    consent: { enquiry: true, marketing: now.marketing ?? [], financial: Boolean(now.financial), how: now.how, notice: S.session?.notice?.number ?? null },
  };
}
