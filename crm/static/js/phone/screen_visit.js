/* A visit in ten seconds: how it ended, which trade, save. In a street one tap a door. */
import { S, today } from "./account.js";
import { OUTCOMES, approaches, trades } from "./choices.js";
import { button, chips, confirmed, field, fill, h, icon, link, note, panel, read, select, toast } from "./dom.js";
import * as drafts from "./drafts.js";
import { canTakePhotos, dropPhoto, takePhoto } from "./photos.js";
import { isWeak, lookForPosition, onPosition, position, positionState } from "./position.js";
import * as records from "./records.js";
import { failedToast, full, savedToast } from "./says.js";
import { flush } from "./sync.js";
import { clock, t } from "./words.js";

const FORM = "visit";
const NO_LEAD = new Set(["nobody", "refused", "ineligible", "customer"]);
const RECENT = 12 * 3600 * 1000;
let street = false;

export async function build(place, argument) {
  const editing = argument ? S.records.find((record) => record.uuid === argument && record.state === "needs") : null;
  const name = editing ? `${FORM}:${editing.uuid}` : FORM;
  const kept = (await drafts.read(name)) ?? fromRecord(editing) ?? {};
  const state = { photo: kept.photo ?? null, outcome: kept.outcome ?? "", busy: false, editing, name, occurred: editing?.at ?? null };
  street = editing ? false : kept.street ?? street;
  draw(place, state, kept);
  lookForPosition();
  return null;
}

function fromRecord(record) {
  const data = record?.body?.data;
  return data ? { ...data, companion: data.companion ?? "", session: data.session ?? "", photo: record.attachments[0] ?? null } : null;
}

function draw(place, state, kept) {
  const colleagues = [["", t("visit.alone")], ...(S.bundle?.colleagues ?? []).map((one) => [one.id, one.name])];
  const where = h("p.wt-where", { role: "status" });
  const outcomes = h("div.wt-outcomes", { role: "group", "aria-label": t("visit.outcome") });
  const saveButton = button(t("save.visit"), () => form.requestSubmit(), { kind: "wt-primary.wt-wide", symbol: "check" });
  const form = h("form.wt-form", { novalidate: true, oninput: () => keep(form, state), onsubmit: (event) => { event.preventDefault(); save(place, form, state); } },
    state.editing && refusal(state.editing),
    S.bundle?.may?.visit === false && note("warn", t("visit.no_team")),
    outcomes,
    chips(t("trade"), "trade", trades(), kept.trade ?? ""),
    !state.editing && streetSwitch(() => { street = !street; keep(form, state); show(); }),
    h("div.wt-two", {}, select(t("approach"), "approach", approaches(), kept.approach ?? ""), select(t("companion"), "companion", colleagues, kept.companion ?? "")),
    sessions(kept),
    photo(() => keep(form, state), state),
    field(t("visit.note"), "note", { type: "area", value: kept.note ?? "", maxlength: 500, help: t("visit.note.help") }),
    where);
  const show = () => {
    fill(outcomes, OUTCOMES.map((code) => h(`button.wt-outcome.wt-outcome-${code}`, {
      type: "button", "aria-pressed": String(state.outcome === code), "data-outcome": code,
      onclick: () => {
        state.outcome = state.outcome === code && !street ? "" : code;
        state.occurred = Date.now();
        if (street) { save(place, form, state); return; }
        keep(form, state);
        for (const one of outcomes.children) one.setAttribute("aria-pressed", String(one.dataset.outcome === state.outcome));
      },
    }, t(`outcome.${code}`))));
    form.querySelector(".wt-street")?.setAttribute("aria-checked", String(street));
    saveBar.hidden = street;
  };
  const saveBar = h("div.wt-save-bar", {}, saveButton);
  onPosition(() => showPosition(where));
  showPosition(where);
  fill(place, form, saveBar, last(place));
  show();
}

const refusal = (record) => note("bad", h("p", {}, record.told?.message || t("outbox.refused")), ...Object.values(record.told?.fields ?? {}).map((line) => h("p", {}, line)));

const streetSwitch = (onclick) =>
  h("button.wt-street", { type: "button", role: "switch", "aria-checked": "false", onclick }, h("span.wt-knob", { "aria-hidden": "true" }),
    h("span", {}, h("strong", {}, t("street")), h("small", {}, t("street.words"))));

function sessions(kept) {
  const open = (records.campaign()?.sessions ?? []).filter((one) => (one.starts_at ?? "").slice(0, 10) <= today() && (one.ends_at ?? "9") >= today());
  return open.length ? select(t("session"), "session", [["", "—"], ...open.map((one) => [one.id, one.name])], kept.session ?? "") : null;
}

function showPosition(where) {
  const found = position();
  const state = positionState();
  const words = found ? t(isWeak(found) ? "where.weak" : "where.found", { metres: found.accuracy }) : t(`where.${state === "found" ? "none" : state}`);
  fill(where, icon("map-pin"), h("span", {}, words));
}

/* ---- the photo ---- */

function photo(changed, state) {
  const frame = h("div.wt-photo");
  if (!canTakePhotos()) return h("p.wt-muted", {}, t("photo.cannot"));
  const input = h("input.wt-hidden", { type: "file", accept: "image/*", capture: "environment", tabindex: -1, "aria-label": t("photo"), onchange: async () => {
    const file = input.files[0];
    input.value = "";
    if (!file) return;
    fill(frame, h("p.wt-muted", { role: "status" }, t("photo.working")));
    try {
      const taken = await takePhoto(file, full);
      if (state.photo) await dropPhoto(state.photo);
      state.photo = taken.sha256;
      taken.canvas.setAttribute("role", "img");
      taken.canvas.setAttribute("aria-label", t("photo"));
      show(taken.canvas, taken.bytes);
      changed();
    } catch {
      toast(t("photo.failed"), "bad");
      show();
    }
  } });
  const show = (canvas = null, bytes = 0) => fill(frame, input, canvas,
    button(t(state.photo ? "photo.again" : "photo.take"), () => input.click(), { symbol: "camera" }),
    state.photo && button(t("photo.drop"), async () => { await dropPhoto(state.photo); state.photo = null; show(); changed(); }, { symbol: "x" }),
    state.photo && h("small.wt-muted", {}, bytes ? t("photo.kept", { kb: Math.round(bytes / 1024) }) : t("photo.kept_plain")));
  show();
  return frame;
}

/* ---- saving ---- */

const keep = (form, state) => drafts.keep(state.name, { ...read(form), outcome: state.outcome, photo: state.photo, street });

async function save(place, form, state) {
  if (state.busy) return;
  if (!state.outcome) { toast(t("error.outcome"), "warn"); place.querySelector(".wt-outcome")?.focus(); return; }
  state.busy = true;
  const now = read(form);
  const data = {
    outcome: state.outcome, trade: now.trade ?? "", approach: now.approach, companion: Number(now.companion) || null, session: Number(now.session) || null,
    lead: state.editing?.body?.data?.lead ?? null, note: now.note.trim(), position: state.editing ? state.editing.body?.data?.position ?? null : position(),
  };
  try {
    await drafts.settled(state.name);
    const id = await records.save("visit", data, {
      occurredAt: new Date(state.occurred ?? Date.now()), attachments: state.photo ? [state.photo] : [], supersedes: state.editing?.uuid ?? null,
      draft: drafts.draftId(state.name), onFull: full,
    });
    await records.load();
    savedToast({ label: t("undo"), run: () => undo(place, id) }, `${t(`outcome.${data.outcome}`)} · ${t("saved")}`);
    navigator.vibrate?.(30);
    if (state.editing) location.replace("#outbox");
    else again(place, data);
    flush();
  } catch (error) {
    state.busy = false;
    failedToast(error);
  }
}

/** The next door: in a street with the same trade, approach and companion. */
function again(place, data) {
  const kept = street ? { trade: data.trade, approach: data.approach, companion: data.companion ?? "", session: data.session ?? "" } : { session: data.session ?? "" };
  const top = document.scrollingElement.scrollTop;
  draw(place, { photo: null, outcome: "", busy: false, editing: null, name: FORM, occurred: null }, kept);
  if (street) { document.scrollingElement.scrollTop = top; drafts.keep(FORM, { ...kept, street }); place.querySelector(`[data-outcome="${data.outcome}"]`)?.focus({ preventScroll: true }); }
  else { document.scrollingElement.scrollTop = 0; document.querySelector("h1").focus({ preventScroll: true }); }
  lookForPosition();
}

function last(place) {
  const recent = S.records.filter((one) => one.kind === "visit" && one.state !== "replaced" && Date.now() - one.at < RECENT);
  const record = recent[recent.length - 1];
  if (!record || records.undone(record.uuid)) return null;
  const data = records.dataOf(record);
  return panel(t("visit.last"),
    h("p", {}, [clock(record.at), data?.outcome && t(`outcome.${data.outcome}`), data?.trade && t(`trade.${data.trade}`)].filter(Boolean).join(" · ")),
    h("div.wt-row", {},
      button(t("visit.undo"), () => undo(place, record.uuid), { symbol: "arrow-back-up" }),
      data && !NO_LEAD.has(data.outcome) && link(t("visit.to_lead"), "#lead", { symbol: "user-plus", onclick: () => carry(data) })));
}

/** The lead of this visit begins with what is known already, unless another is being typed. */
async function carry(data) {
  if (!(await drafts.read("lead"))) await drafts.putNow("lead", { trade: data.trade, approach: data.approach, stage: data.outcome === "applied" ? "application" : "consult" });
  location.hash = "#lead";
  dispatchEvent(new CustomEvent("wt-show"));
}

async function undo(place, id) {
  if (records.undone(id)) return;
  const record = S.records.find((one) => one.uuid === id);
  if (!record) return;
  if (Date.now() - record.at > 600000 && !(await confirmed(t("visit.undo"), t("visit.undo.words"), t("undo")))) return;
  try {
    await records.save("undo", { target: id, reason: t("undo.reason") }, { onFull: full });
    await records.load();
    savedToast(null, t("visit.undone"));
    if (location.hash.startsWith("#visit")) place.querySelector(".wt-panel")?.remove();
    flush();
  } catch (error) {
    failedToast(error);
  }
}
