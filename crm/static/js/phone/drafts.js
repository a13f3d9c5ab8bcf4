/* What is being typed, kept at each change, so that no reload, kill or call loses it. */
import { uuid } from "./bytes.js";
import { S } from "./account.js";
import { hide, reveal } from "./seal.js";
import * as store from "./store.js";

const PAUSE = 200;
const EARLIER = "~";
const pending = new Map(); // form -> {timer, data}
let last = Promise.resolve();

export const draftId = (form) => `${S.user}|${form}`;

/** Keeps what the form holds, a moment after the last key. */
export function keep(form, data) {
  clearTimeout(pending.get(form)?.timer);
  pending.set(form, { data, user: S.user, timer: setTimeout(() => write(form), PAUSE) });
}

/** Keeps at once what is still waiting: the page may be gone in a moment. */
export function keepNow() {
  for (const form of [...pending.keys()]) write(form);
  return last;
}

/** Nothing more is written for this form: it is being saved. */
export async function settled(form) {
  clearTimeout(pending.get(form)?.timer);
  pending.delete(form);
  await last;
}

function write(form) {
  const { data, user, timer } = pending.get(form);
  clearTimeout(timer);
  pending.delete(form);
  last = last.then(() => put(form, data, user)).catch(() => { /* the phone is full or the store closed: the page still holds it */ });
  return last;
}

async function put(form, data, user) {
  if (user !== S.user || !S.key || !store.isOpen()) return;
  const id = draftId(form);
  const before = await store.base().get("drafts", id);
  // Somebody types again before the server has opened what a sign-out sealed: that one waits for its turn.
  if (before?.envelope && !before.hidden) await store.base().put("drafts", { ...before, id: id + EARLIER });
  const hidden = await hide(S.key, data);
  await store.base().put("drafts", { id, user, form, uuid: before?.hidden ? before.uuid : uuid(), at: Date.now(), hidden, envelope: null });
}

export async function read(form) {
  if (S.user === null) return null;
  const draft = (await store.base().get("drafts", draftId(form))) ?? (await earlier(draftId(form)));
  return draft ? reveal(S.key, draft.hidden) : null;
}

async function earlier(id) {
  const draft = await store.base().get("drafts", id + EARLIER);
  if (!draft?.hidden) return null;
  await store.base().put("drafts", { ...draft, id });
  await store.base().delete("drafts", id + EARLIER);
  return draft;
}

export async function drop(form) {
  await settled(form);
  if (S.user !== null) await store.base().delete("drafts", draftId(form));
}

export async function putNow(form, data) {
  await settled(form);
  await put(form, data, S.user);
}

/** Drafts that were sealed at a sign-out and wait for the server to open them. */
export const sealedOnes = async () =>
  (await store.base().getAll("drafts")).filter((draft) => draft.user === S.user && !draft.hidden && draft.envelope);

export async function giveBack(items) {
  const drafts = await sealedOnes();
  for (const { uuid: id, body } of items) {
    const draft = drafts.find((one) => one.uuid === id);
    if (!draft) continue;
    let data;
    try { data = JSON.parse(body); } catch { continue; }
    await store.base().put("drafts", { ...draft, hidden: await hide(S.key, data), envelope: null });
  }
}
