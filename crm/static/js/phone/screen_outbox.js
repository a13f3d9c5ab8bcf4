/* What was recorded here: still on this phone, sent with its receipt, or in need of a look. */
import { S } from "./account.js";
import { button, confirmed, fill, h, link, note, panel, toast } from "./dom.js";
import * as drafts from "./drafts.js";
import * as records from "./records.js";
import { exportFile } from "./rescue.js";
import { summary } from "./says.js";
import { signInAddress } from "./screen_today.js";
import { flush } from "./sync.js";
import { clock, t } from "./words.js";

const SENT_SHOWN = 60;

export function build(place) {
  const draw = () => {
    const focus = place.contains(document.activeElement) ? document.activeElement.dataset.key : null;
    fill(place, state(), needs(), waits(), photosLeft(), sent());
    if (focus) place.querySelector(`[data-key="${focus}"]`)?.focus();
  };
  draw();
  return draw;
}

function state() {
  const n = records.unsent();
  const words = S.sending ? t("net.sending") : t(`net.${S.net}`, { time: S.netAt ? clock(S.netAt) : "—" });
  return panel(null,
    h("p.wt-headline", {}, n ? t("to_send", { n }) : t("outbox.empty")),
    h("p.wt-muted", { role: "status" }, words, S.retryAt > Date.now() && !S.sending && ` ${t("net.retry", { time: clock(S.retryAt) })}`),
    S.net === "signed_out" && h("p", {}, t("net.signed_out.words")),
    S.net === "forbidden" && note("bad", t("net.forbidden.words")),
    S.colleagues > 0 && note("info", t("colleague.waits", { n: S.colleagues })),
    h("div.wt-row", {},
      S.net === "signed_out" ? link(t("sign_in"), signInAddress(), { kind: "wt-primary", symbol: "login" })
        : button(t("outbox.send"), () => flush({ force: true }), { kind: "wt-primary", symbol: "cloud-upload", disabled: S.sending, "data-key": "send" }),
      (n > 0 || S.colleagues > 0) && button(t("outbox.export"), rescue, { symbol: "download", "data-key": "export" })));
}

async function rescue() {
  const n = await exportFile();
  toast(t("outbox.exported", { n }), "good", null, 10);
}

const ITEM = (record, ...more) => h("li.wt-item", { "data-uuid": record.uuid, "data-state": record.state },
  h("div.wt-line", {}, h("strong", {}, record.copy && !record.body ? t("outbox.unreadable") : summary(record)), h("small", {}, clock(record.at))), ...more);

function needs() {
  const found = records.needing();
  if (!found.length) return null;
  return panel(t("needs_you", { n: found.length }), h("ul.wt-list", {}, found.map((record) => ITEM(record,
    h("p.wt-bad", {}, record.broken ? t("outbox.broken") : record.told?.message || t(record.status === "conflict" ? "outbox.conflict" : "outbox.refused")),
    Object.values(record.told?.fields ?? {}).map((line) => h("p.wt-bad", {}, line)),
    h("div.wt-row", {},
      record.status === "conflict"
        ? button(t("outbox.seen"), async () => { await records.seen(record); await reload(); }, { kind: "wt-primary" })
        : record.body && editAddress(record) && button(t("outbox.edit"), () => edit(record), { kind: "wt-primary", symbol: "pencil" }),
      record.status !== "conflict" && button(t("outbox.discard"), () => discard(record), { symbol: "trash" }))))));
}

const editAddress = (record) => ["visit", "lead", "note"].includes(record.kind);

/** What was refused stays as it is; what is typed now becomes a new record in its place. */
async function edit(record) {
  if (record.kind === "note") {
    const { lead, text, follow_up_on, intent } = record.body.data;
    await drafts.putNow(`note:${lead}`, { text, follow_up_on, intent, supersedes: record.uuid });
    location.hash = `#lead/${lead}`;
  } else location.hash = `#edit/${record.uuid}`;
}

async function discard(record) {
  const lost = [`${summary(record)}, ${clock(record.at)}`, t("outbox.discard.lost")];
  if (record.attachments?.length) lost.push(t("outbox.discard.photo"));
  if (!(await confirmed(t("outbox.discard"), lost, t("outbox.discard.yes")))) return;
  await records.discard(record);
  await reload();
}

async function reload() {
  await records.load();
  dispatchEvent(new CustomEvent("wt-look"));
}

function waits() {
  const found = records.waiting();
  if (!found.length) return null;
  return panel(t("outbox.waiting", { n: found.length }), h("ul.wt-list", {}, found.map((record) => ITEM(record,
    h("p.wt-muted", {}, t(record.status === "foreign" ? "outbox.foreign" : "state.waiting"), record.copy && !record.body && ` · ${t("outbox.unreadable.words")}`),
    record.copy && !record.body && h("div.wt-row", {}, button(t("outbox.discard"), () => discard(record), { symbol: "trash" }))))));
}

const photosLeft = () => S.photos.length > 0 && h("p.wt-muted", {}, t("outbox.photos", { n: S.photos.length }));

function sent() {
  const found = S.records.filter((record) => record.state === "sent").sort((one, other) => other.sent_at - one.sent_at);
  const replaced = S.records.filter((record) => record.state === "replaced");
  if (!found.length && !replaced.length) return null;
  return panel(t("outbox.sent", { n: found.length }), h("p.wt-muted", {}, t("outbox.sent.words")), h("ul.wt-list", {},
    replaced.map((record) => ITEM(record, h("p.wt-muted", {}, t("state.replaced")))),
    found.slice(0, SENT_SHOWN).map((record) => ITEM(record,
      record.status !== "accepted" && h("p.wt-warn", {}, record.told?.message || t(`status.${record.status}`)),
      h("p.wt-muted", {}, t("outbox.receipt", { receipt: record.receipt, time: clock(record.sent_at) }))))));
}
