/* The outbox: what was recorded, sealed, waiting, sent or refused. A sealed record never changes. */
import { isoWithOffset, sha256, utf8, uuid } from "./bytes.js";
import { S, clockOffset, today } from "./account.js";
import { hide, isEnvelope, reveal, sealText } from "./seal.js";
import * as store from "./store.js";

const FORM = 1;
const STUBS_KEPT = 30 * 24 * 3600 * 1000;
const readable = new Map(); // uuid -> what could be read, so that lists need not decrypt again

export class NoKey extends Error {}
export class NoCampaign extends Error {}

/**
 * Saves one record on this phone; its uuid once it is on the disk. The sealed record, its number in the row and the end of its
 * draft are one transaction. The network has no part in this.
 */
export async function save(kind, data, { occurredAt = new Date(), attachments = [], supersedes = null, draft = null, id = uuid(), onFull = () => {} } = {}) {
  if (S.user === null || !S.key || !S.serverKey) throw new NoKey();
  if (!campaign()) throw new NoCampaign();
  for (;;) {
    const seq = ((await store.meta(`seq:${S.user}`)) ?? 0) + 1;
    const record = await sealed(kind, data, { id, seq, occurredAt, attachments, supersedes });
    if (await put(record, { draft, onFull })) break;
    // Another tab has used this number meanwhile.
  }
  store.changed();
  persist();
  return id;
}

async function sealed(kind, data, { id, seq, occurredAt, attachments, supersedes }) {
  const body = JSON.stringify({
    uuid: id, kind, form: FORM, user: S.user, team: S.session?.team?.id ?? null, campaign: campaign().id,
    device: S.device, seq, occurred_at: isoWithOffset(occurredAt), recorded_at: isoWithOffset(new Date()),
    tz: S.session?.zone ?? "Asia/Shanghai", offset: clockOffset(), data, attachments, supersedes,
  });
  return {
    uuid: id, user: S.user, seq, kind, at: occurredAt.getTime(), sha256: await sha256(utf8(body)), attachments, supersedes,
    envelope: await sealText(S.serverKey, id, S.user, body), copy: await hide(S.key, body), state: "waiting",
  };
}

async function put(record, { draft, onFull }) {
  const number = `seq:${record.user}`;
  return store.strictlyWithRoom(store.RECORD_STORES, async (transaction) => {
    const metas = transaction.objectStore("meta");
    if (((await metas.get(number)) ?? 0) !== record.seq - 1) return false;
    const records = transaction.objectStore("records");
    await records.add(record);
    await metas.put(record.seq, number);
    if (draft) await transaction.objectStore("drafts").delete(draft);
    const photos = transaction.objectStore("photos");
    for (const name of record.attachments) {
      const photo = await photos.get(name);
      if (photo) await photos.put({ ...photo, record: record.uuid });
    }
    const old = record.supersedes && (await records.get(record.supersedes));
    if (old && old.state !== "sent") await records.put({ ...old, state: "replaced", envelope: null, copy: null });
    return true;
  }, onFull);
}

/** At the first save the browser is asked not to clear this store when the phone gets full. */
async function persist() {
  if (S.persisted !== null) return;
  S.persisted = false;
  await store.keepBallast();
  try { S.persisted = Boolean(await navigator.storage?.persist?.()); } catch { /* it may not know of it */ }
}

/** The campaign that a record belongs to: the chosen one, else today's, else what customers come into by themselves. */
export function campaign() {
  const all = S.bundle?.campaigns ?? [];
  const now = today();
  const runs = (one) => !one.walk_in && one.starts_on <= now && now <= one.ends_on;
  return all.find((one) => one.id === S.campaign) ?? all.find((one) => one.id === S.bundle.campaign && (one.walk_in || runs(one)))
    ?? all.find(runs) ?? all.find((one) => one.walk_in) ?? all[0] ?? null;
}

/* ---- reading ---- */

export async function load() {
  if (!store.isOpen()) return;
  const all = await store.base().getAll("records");
  const mine = all.filter((record) => record.user === S.user).sort((one, other) => one.seq - other.seq);
  S.colleagues = all.filter((record) => record.user !== S.user && isOpenRecord(record)).length;
  for (const record of mine) await makeReadable(record);
  S.records = mine;
  S.photos = (await store.base().getAll("photos")).filter((photo) => photo.user === S.user && photo.record);
}

async function makeReadable(record) {
  const key = `${record.uuid}|${record.state}|${record.sent_at ?? 0}`;
  if (!readable.has(key)) {
    const text = await reveal(S.key, record.copy);
    readable.set(key, { body: bodyOf(text), label: await reveal(S.key, record.label), told: await reveal(S.key, record.told) });
  }
  Object.assign(record, readable.get(key));
  record.broken = isOpenRecord(record) && !isEnvelope(record.envelope);
}

function bodyOf(text) {
  try { return typeof text === "string" ? JSON.parse(text) : null; } catch { return null; }
}

export function forgetReadable() {
  readable.clear();
}

export const isOpenRecord = (record) => record.state === "waiting" || record.state === "needs";
export const waiting = () => S.records.filter((record) => record.state === "waiting" && !record.broken);
export const needing = () => S.records.filter((record) => record.state === "needs" || (record.broken && record.state === "waiting"));
export const unsent = () => S.records.filter(isOpenRecord).length;
export const dataOf = (record) => record.body?.data ?? record.label?.data ?? null;

/** Records that the bundle cannot know of yet. */
export const fresh = (kind) => S.records.filter((record) =>
  record.kind === kind && (record.state === "waiting" || (record.state === "sent" && record.status !== "conflict" && record.sent_at > S.bundleAt)));

export const undone = (target) => S.records.some((record) => record.kind === "undo" && (record.label?.target ?? record.body?.data?.target) === target);

/* ---- writing the server's answers ---- */

/** The server has the record: the copy goes, a stub with the receipt stays. */
export async function settle(record, result) {
  const label = { data: shortOf(record) , target: record.body?.data?.target, occurred_at: record.body?.occurred_at };
  const told = result.message ? await hide(S.key, { message: result.message }) : null;
  await replace(record.uuid, {
    state: "sent", receipt: result.receipt, status: result.status, code: result.code ?? null, sent_at: Date.now(), told,
    label: S.key ? await hide(S.key, label) : null, envelope: null, copy: null,
  });
}

/** The server took a second content under one id, or refuses the record: somebody has to look. */
export async function needsYou(record, result) {
  const told = await hide(S.key, { message: result.message ?? "", fields: result.fields ?? {} });
  await replace(record.uuid, { state: "needs", status: result.status, code: result.code ?? null, receipt: result.receipt ?? null, told });
}

export async function setAside(record, status) {
  await replace(record.uuid, { status });
}

async function replace(id, changes) {
  await store.strictly(["records"], async (transaction) => {
    const records = transaction.objectStore("records");
    const now = await records.get(id);
    if (now && isOpenRecord(now)) await records.put({ ...now, ...changes });
  });
  readable.clear();
}

/** After the person has seen it: the server holds both contents. */
export const seen = (record) => settle(record, { ...record, message: record.told?.message });

/** Deletes a record that was never sent; its photos go with it. */
export async function discard(record) {
  await store.strictly(["records", "photos"], async (transaction) => {
    await transaction.objectStore("records").delete(record.uuid);
    for (const name of record.attachments ?? []) await transaction.objectStore("photos").delete(name);
  });
  store.changed();
}

function shortOf(record) {
  const data = record.body?.data;
  if (!data) return null;
  const { phone, licence_number, address, note, details, position, consent, text, ...short } = data;
  return short;
}

/** Old stubs go; so do photos that no record ever named. */
export async function tidy() {
  const old = Date.now() - STUBS_KEPT;
  const closed = (record) => record.state === "sent" || record.state === "replaced";
  const stubs = (await store.base().getAll("records")).filter((record) => closed(record) && (record.sent_at ?? record.at) < old);
  const photos = (await store.base().getAll("photos")).filter((photo) => !photo.record && photo.at < old);
  // Most days there is nothing to do, and then nothing is locked: pages are often left while they start.
  if (!stubs.length && !photos.length) return;
  await store.strictly(["records", "photos"], async (transaction) => {
    for (const { uuid: id } of stubs) await transaction.objectStore("records").delete(id);
    for (const { sha256: name } of photos) {
      const photo = await transaction.objectStore("photos").get(name);
      if (photo && !photo.record) await transaction.objectStore("photos").delete(name);
    }
  });
}

/** Copies for the screens of records that lost theirs at a sign-out. */
export async function giveCopies(items) {
  for (const { uuid: id, body } of items) {
    const copy = await hide(S.key, body);
    await store.strictly(["records"], async (transaction) => {
      const records = transaction.objectStore("records");
      const record = await records.get(id);
      if (record && record.user === S.user && isOpenRecord(record) && !record.copy) await records.put({ ...record, copy });
    });
  }
  readable.clear();
}
