/* Who uses this phone, the phone's own id, the clock, and what is forgotten at sign-out. */
import { uuid } from "./bytes.js";
import { hide, newUserKey, reveal, sealText } from "./seal.js";
import * as store from "./store.js";
import { dayOf } from "./words.js";

/** What the screens show; `records` are this user's, newest last, each with `body` when it can be read here. */
export const S = {
  user: null, key: null, serverKey: null, device: null, session: null, bundle: null, bundleAt: 0, csrf: null,
  records: [], photos: [], colleagues: 0, net: "unknown", netAt: 0, sending: false, warning: null, lastSent: 0, retryAt: 0, persisted: null,
};

const DEVICE = "waituo.device";
const SIGNED_OUT = "waituo.signed-out";
const ELSEWHERE = "/m/device";
let mark = null; // the server's clock at a moment of this page's own clock

/* ---- the phone ---- */

/** The phone's id stands in three places: when one of them was cleared, the others still know it. */
export async function findDevice() {
  const known = (await store.meta("device")) ?? localDevice() ?? (await cachedDevice());
  const device = known ?? uuid();
  if ((await store.meta("device")) !== device) await store.base().put("meta", device, "device");
  try { localStorage.setItem(DEVICE, device); } catch { /* it may be switched off */ }
  try {
    const cache = await caches.open("waituo-device");
    if (!(await cache.match(ELSEWHERE))) await cache.put(ELSEWHERE, new Response(device));
  } catch { /* only on https */ }
  S.device = device;
}

function localDevice() {
  try { return localStorage.getItem(DEVICE); } catch { return null; }
}

async function cachedDevice() {
  try {
    return (await (await caches.match(ELSEWHERE))?.text()) ?? null;
  } catch {
    return null;
  }
}

/* ---- the clock ---- */

export function setClock(serverNow, asked, answered) {
  const server = Date.parse(serverNow);
  if (!Number.isFinite(server)) return;
  mark = { server: server + (answered - asked) / 2, at: answered, offset: server + (answered - asked) / 2 - Date.now() };
}

/**
 * Server minus phone in milliseconds, or null. The page's own clock runs on when somebody sets the phone's; it stands still
 * when the phone sleeps, and then it says nothing.
 */
export function clockOffset() {
  if (!mark) return null;
  const offset = mark.server + (performance.now() - mark.at) - Date.now();
  if (Math.abs(offset - mark.offset) < 2000) return Math.round(mark.offset);
  return offset > mark.offset ? Math.round(offset) : null;
}

/** Now, as the bank's clock has it as far as this phone knows: measured by this page, else when a page last heard the server. */
const bankNow = () => Date.now() + (clockOffset() ?? S.session?.drift ?? 0);
/** The business day. A phone whose clock is a day off must not record into another campaign. */
export const today = () => dayOf(bankNow());

/* ---- the user ---- */

export async function findUser() {
  const left = await leftElsewhere();
  S.user = (await store.meta("user")) ?? null;
  S.serverKey = (await store.meta("server_key")) ?? null;
  if (S.user !== null && left) await forget(S.user);
  await readUser();
}

/** The ordinary pages leave a mark when somebody signs out there. */
async function leftElsewhere() {
  try {
    if (!localStorage.getItem(SIGNED_OUT)) return false;
    localStorage.removeItem(SIGNED_OUT);
    return true;
  } catch {
    return false;
  }
}

async function readUser() {
  S.key = S.user === null ? null : ((await store.base().get("keys", S.user)) ?? null);
  S.session = await cached("session");
  S.bundle = await cached("bundle");
  S.bundleAt = (await row("bundle"))?.at ?? 0;
}

/** Takes in what the server says of the session; true when it is another user than before. */
export async function takeSession(answer) {
  const user = answer.user.id;
  const other = S.user !== user;
  if (other && S.user !== null) await forget(S.user);
  S.csrf = answer.csrf;
  S.serverKey = answer.key;
  const fresh = (await store.base().get("keys", user)) ? null : await newUserKey();
  await store.strictly(["meta", "keys"], async (transaction) => {
    const keys = transaction.objectStore("keys");
    if (fresh && !(await keys.get(user))) await keys.put(fresh, user);
    await transaction.objectStore("meta").put(user, "user");
    await transaction.objectStore("meta").put({ id: answer.key.id, public: answer.key.public }, "server_key");
  });
  S.user = user;
  if (other) await readUser();
  else S.key = await store.base().get("keys", user);
  const { csrf, now, ...kept } = answer;
  S.session = { ...kept, drift: mark ? Math.round(mark.offset) : 0 };
  await cache("session", S.session);
  return other || Boolean(fresh);
}

/** Numbers of records go on where the server saw the last, if this phone has forgotten its own; true when it had. */
export async function goOnFrom(lastSeq) {
  return store.strictly(["meta"], async (transaction) => {
    const metas = transaction.objectStore("meta");
    const own = (await metas.get(`seq:${S.user}`)) ?? 0;
    if (lastSeq > own) await metas.put(lastSeq, `seq:${S.user}`);
    return lastSeq > own;
  });
}

/* ---- what is kept encrypted for the screens ---- */

const row = (name) => (S.user === null ? null : store.base().get("cache", `${S.user}|${name}`));
export const cached = async (name) => reveal(S.key, (await row(name))?.hidden);
export const cachedRow = row;

export async function cache(name, value, etag = null) {
  const hidden = await hide(S.key, value);
  await store.base().put("cache", { id: `${S.user}|${name}`, user: S.user, hidden, etag, at: Date.now() });
}

/* ---- leaving ---- */

/**
 * Deletes all that can be read on this phone of a user: the key, what the screens showed, readable copies. Drafts are sealed
 * to the server first. Sealed records and photos stay and wait for their owner.
 */
export async function forget(user) {
  const key = await store.base().get("keys", user);
  const serverKey = S.serverKey ?? (await store.meta("server_key"));
  const drafts = (await store.base().getAll("drafts")).filter((draft) => draft.user === user && draft.hidden);
  const sealed = [];
  for (const draft of drafts) {
    const data = await reveal(key, draft.hidden);
    if (!data || !serverKey) continue;
    sealed.push({ ...draft, hidden: null, envelope: await sealText(serverKey, draft.uuid, user, JSON.stringify(data)) });
  }
  await store.strictly(["keys", "cache", "records", "drafts", "meta"], async (transaction) => {
    await transaction.objectStore("keys").delete(user);
    const cacheStore = transaction.objectStore("cache");
    for (const id of await cacheStore.getAllKeys()) if (id.startsWith(`${user}|`)) await cacheStore.delete(id);
    const records = transaction.objectStore("records");
    for (const record of await records.getAll()) {
      if (record.user === user) await records.put({ ...record, copy: null, label: null, told: null });
    }
    for (const draft of sealed) await transaction.objectStore("drafts").put(draft);
    await transaction.objectStore("meta").delete("user");
  });
  if (S.user === user) Object.assign(S, { user: null, key: null, session: null, bundle: null, bundleAt: 0, csrf: null, records: [], photos: [] });
}
