/* Sends what waits, when there is a network. A copy is given up only for a receipt. */
import { uuid } from "./bytes.js";
import { S, cache, cachedRow, goOnFrom, setClock, takeSession, forget } from "./account.js";
import * as drafts from "./drafts.js";
import { Trouble, ask, mustAsk } from "./net.js";
import { sendPhotos } from "./photos.js";
import * as records from "./records.js";
import * as store from "./store.js";

const AT_ONCE = 50;
const LARGEST = 900_000;
const BUNDLE_LIFE = 5 * 60 * 1000;
const LEASE = 60_000;
const FINAL = new Set(["accepted", "contested", "held"]);

let running = false;
let again = false;
let failures = 0;
let timer = null;
let bundleKnownBad = false;

/** Sends now unless a pause after a failure still runs; `force` is the person's own button. */
export async function flush({ force = false, bundle = false } = {}) {
  if (!store.isOpen()) return;
  if (running) { again = true; return; }
  if (!force && Date.now() < S.retryAt) return;
  running = true;
  S.sending = true;
  store.changed("net");
  try {
    await alone(() => round({ bundle: bundle || force }));
  } finally {
    running = false;
    S.sending = false;
    await records.load();
    store.changed();
  }
  if (again) { again = false; await flush(); }
}

async function round({ bundle }) {
  try {
    await greet();
    const sent = await sendAll();
    await sendPhotos(post);
    if (sent || bundle || Date.now() - S.bundleAt > BUNDLE_LIFE) await fetchBundle();
    failures = 0;
    S.retryAt = 0;
    S.net = "ok";
    S.netAt = Date.now();
  } catch (error) {
    if (!(error instanceof Trouble)) throw error;
    S.net = error.kind;
    if (error.kind !== "signed_out" && error.kind !== "forbidden") later(error.answer?.retryAfter ?? 0);
  }
}

/** 1, 2, 4 ... 300 seconds, each a little off, so that phones that lost one network do not come back as one. */
function later(asked) {
  const pause = Math.max(Math.min(300, 2 ** failures++) * (0.75 + Math.random() / 2), asked);
  S.retryAt = Date.now() + pause * 1000;
  clearTimeout(timer);
  timer = setTimeout(() => { if (!document.hidden) flush(); }, pause * 1000 + 50);
}

/** Who am I for the server; a fresh token, its key, its clock. */
export async function greet() {
  const asked = performance.now();
  const { data } = await whoAmI();
  if (typeof data.user?.id !== "number" || typeof data.csrf !== "string" || typeof data.key?.public !== "string") throw new Trouble("garbage");
  setClock(data.now, asked, performance.now());
  if (await stillLeaving(data.user.id)) { await leave(data.csrf); throw new Trouble("signed_out"); }
  if (data.wipe) { await clear(data.user.id); await leave(data.csrf); throw new Trouble("signed_out"); }
  const newKey = await takeSession(data);
  if (await goOnFrom(data.device?.last_seq ?? 0)) S.warning = "cleared";
  if (newKey) records.forgetReadable();
  await records.load();
  if (newKey) store.changed("user");
  await reopen();
}

/** The session as the server knows it. Where there is none, a sign-out that waited for a network has nothing left to do. */
async function whoAmI() {
  try {
    return await mustAsk(`/m/api/session?device=${S.device}`);
  } catch (error) {
    if (error.kind === "signed_out") {
      await store.base().delete("meta", "leaving");
      if (S.user !== null && (await reportedLost())) await clear(S.user);
    }
    throw error;
  }
}

/** Whether this phone was reported lost, or its user shut out: then nothing readable may stay, though the session is over. */
async function reportedLost() {
  try {
    const { data } = await mustAsk(`/m/api/phone?device=${S.device}&user=${S.user}`);
    return data.wipe === true;
  } catch {
    return false; // the session is over all the same; at the next contact it asks again
  }
}

async function clear(user) {
  await forget(user);
  records.forgetReadable();
  await records.load();
  store.changed("left");
}

/** Copies and drafts that a sign-out sealed are asked back, for their owner only. */
async function reopen() {
  const blind = S.records.filter((record) => records.isOpenRecord(record) && !record.copy && !record.broken);
  const sealed = await drafts.sealedOnes();
  const items = [...blind, ...sealed].map(({ uuid: id, user, envelope }) => ({ uuid: id, user, envelope }));
  for (let at = 0; at < items.length; at += AT_ONCE) {
    const answer = await ask("/m/api/open", post({ json: { items: items.slice(at, at + AT_ONCE) } }));
    if (answer.status !== 200 || !Array.isArray(answer.data?.items)) return;
    const opened = answer.data.items.filter((item) => typeof item?.body === "string");
    await records.giveCopies(opened);
    await drafts.giveBack(opened);
    store.changed("drafts");
  }
  if (items.length) await records.load();
}

const post = (options) => ({ method: "POST", ...options, headers: { "X-CSRFToken": S.csrf, ...(options.headers ?? {}) } });
export const posting = post;

/* ---- records ---- */

async function sendAll() {
  const left = new Set();
  let sent = 0;
  for (;;) {
    await records.load();
    const batch = nextBatch(left);
    if (!batch.length) return sent;
    const done = await sendBatch(batch);
    sent += done;
    // What stays must not be sent again in this round: it would go round for ever.
    for (const record of batch) left.add(record.uuid);
    await renew();
  }
}

function nextBatch(left) {
  const batch = [];
  let size = 0;
  for (const record of records.waiting()) {
    if (left.has(record.uuid)) continue;
    size += record.envelope.ct.length + 400;
    if (batch.length && (batch.length === AT_ONCE || size > LARGEST)) break;
    batch.push(record);
  }
  return batch;
}

async function sendBatch(batch, fresh = false) {
  const nonce = uuid();
  const items = batch.map(({ uuid: id, sha256, user, envelope }) => ({ uuid: id, sha256, user, envelope }));
  let answer;
  try {
    answer = await mustAsk("/m/api/sync", post({ json: { device: S.device, nonce, client_now: new Date().toISOString(), records: items } }));
  } catch (error) {
    if (!(error instanceof Trouble)) throw error;
    if (error.kind === "too_large" && batch.length > 1) {
      const half = Math.ceil(batch.length / 2);
      return (await sendBatch(batch.slice(0, half))) + (await sendBatch(batch.slice(half)));
    }
    if (error.kind === "too_large") { await refuse(batch[0], error); return 0; }
    if (error.kind === "refused" && /csrf/.test(error.answer?.data?.error ?? "") && !fresh) { await greet(); return sendBatch(batch, true); }
    throw error;
  }
  const { data } = answer;
  if (data.nonce !== nonce || !Array.isArray(data.results)) throw new Trouble("garbage", answer);
  return take(batch, data.results);
}

const refuse = (record, error) =>
  records.needsYou(record, { status: "rejected", code: "too_large", message: error.answer?.data?.message ?? "" });

async function take(batch, results) {
  let sent = 0;
  for (const record of batch) {
    const result = results.find((one) => one?.uuid === record.uuid && one.sha256 === record.sha256);
    if (!result) continue;
    if (FINAL.has(result.status) && result.receipt) { await records.settle(record, result); sent += 1; store.changed(`sent:${result.status}`); }
    else if (result.status === "conflict" && result.receipt) await records.needsYou(record, result);
    else if (result.status === "rejected") await records.needsYou(record, result);
    else if (result.status === "foreign") await records.setAside(record, "foreign");
  }
  return sent;
}

/* ---- what the screens show ---- */

async function fetchBundle() {
  const before = await cachedRow("bundle");
  const headers = before?.etag && S.bundle && !bundleKnownBad ? { "If-None-Match": before.etag } : {};
  const answer = await mustAsk("/m/api/bundle", { headers });
  if (answer.status === 304) { S.bundleAt = Date.now(); return; }
  if (!Array.isArray(answer.data.campaigns) || !Array.isArray(answer.data.leads)) throw new Trouble("garbage", answer);
  S.bundle = answer.data;
  S.bundleAt = Date.now();
  await cache("bundle", answer.data, answer.etag);
}

/* ---- one tab sends ---- */

async function alone(work) {
  if (navigator.locks) return navigator.locks.request("waituo-send", { ifAvailable: true }, (lock) => (lock ? work() : null));
  if (!(await renew())) return null;
  try { return await work(); } finally { await release(); }
}

/** Where there are no locks, a lease in the store that other tabs respect for a minute. */
async function renew() {
  if (navigator.locks) return true;
  return store.strictly(["meta"], async (transaction) => {
    const metas = transaction.objectStore("meta");
    const lease = await metas.get("lease");
    if (lease && lease.tab !== store.tab && lease.until > Date.now() && lease.until < Date.now() + 2 * LEASE) return false;
    await metas.put({ tab: store.tab, until: Date.now() + LEASE }, "lease");
    return true;
  });
}

async function release() {
  await store.strictly(["meta"], async (transaction) => {
    const metas = transaction.objectStore("meta");
    if ((await metas.get("lease"))?.tab === store.tab) await metas.delete("lease");
  });
}

/* ---- leaving ---- */

/** Ends the session. What can be read goes from the phone first, with or without a network. */
export async function signOut() {
  await drafts.keepNow();
  let csrf = S.csrf;
  const who = S.user;
  if (S.user !== null) await forget(S.user);
  records.forgetReadable();
  await store.base().put("meta", who ?? true, "leaving");
  await records.load();
  try {
    const { data } = await whoAmI();
    csrf = data.csrf;
    await leave(csrf);
  } catch { /* it is done when there is a network again */ }
  S.net = "signed_out";
  store.changed("left");
}

/** A session that was to end while there was no network. Somebody else's is another one, which took its place. */
async function stillLeaving(user) {
  const who = await store.meta("leaving");
  if (!who || who === true || who === user) return Boolean(who);
  await store.base().delete("meta", "leaving");
  return false;
}

let ending = null;

/** Once at a time: the button and a flush under way may both come to it. */
function leave(csrf) {
  ending ??= end(csrf).finally(() => { ending = null; });
  return ending;
}

async function end(csrf) {
  const form = new URLSearchParams({ csrf_token: csrf });
  // Being led to the sign-in page is the sign of success. WebKit never ends a request whose answer clears the cache unless it is followed.
  const answer = await ask("/sign-out", { method: "POST", body: form, redirect: "follow" });
  if (answer.led !== "/sign-in") throw new Trouble("garbage", answer);
  await store.base().delete("meta", "leaving");
}
