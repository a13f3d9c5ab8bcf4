/* The phone's own store. What stands in it is sealed or encrypted; ids, moments and states are not. */
import { openDB, unwrap } from "idb";
import { uuid } from "./bytes.js";

const NAME = "waituo-phone";
const VERSION = 1;
const BALLAST = 2 * 1024 * 1024;
export const RECORD_STORES = ["records", "meta", "drafts", "photos"];
export const tab = uuid();

// WebKit keeps the lock of a transaction that a page had not ended when it was left, and every later page waits for it for good.
const HOLDS_ON = navigator.vendor.startsWith("Apple");
const going = new Set(); // transactions that have not ended

let db = null;
let left = false;
let troubled = () => {};
const listeners = new Set();
const channel = "BroadcastChannel" in self ? new BroadcastChannel(NAME) : null;
channel?.addEventListener("message", (event) => tellListeners(event.data?.what ?? "changed"));

export async function open(onTrouble = troubled) {
  troubled = onTrouble;
  const opened = await openDB(NAME, VERSION, {
    upgrade(base) {
      base.createObjectStore("meta");
      base.createObjectStore("keys");
      base.createObjectStore("records", { keyPath: "uuid" }).createIndex("user", "user");
      base.createObjectStore("photos", { keyPath: "sha256" });
      base.createObjectStore("drafts", { keyPath: "id" });
      base.createObjectStore("cache", { keyPath: "id" });
    },
    blocked: () => onTrouble("store.blocked"),
    blocking: () => { db?.close(); db = null; onTrouble("store.newer"); },
    terminated: () => { db = null; onTrouble("store.closed"); },
  });
  if (left) { opened.close(); throw new Error("the page was left"); }
  if (HOLDS_ON) watch(unwrap(opened));
  db = opened;
}

function watch(raw) {
  const begin = raw.transaction;
  raw.transaction = (...given) => {
    const transaction = begin.apply(raw, given);
    going.add(transaction);
    for (const end of ["complete", "abort"]) transaction.addEventListener(end, () => going.delete(transaction));
    return transaction;
  };
}

/**
 * The page is being left. Where its transactions would outlive it they are given up: what was being saved is still a draft, and
 * what was being marked as sent is sent again and gets the same receipt.
 */
export function leave() {
  if (!HOLDS_ON) return;
  left = true;
  for (const transaction of going) {
    try { transaction.abort(); } catch { /* it is ending by itself */ }
  }
  db?.close();
  db = null;
}

/** The page that was left is shown again as it was; whether its store had to be opened again. */
export async function comeBack() {
  if (!left) return false;
  left = false;
  await open();
  return true;
}

export const base = () => {
  if (!db) throw new Error("the store is closed");
  return db;
};
export const isOpen = () => db !== null;
export const meta = (key) => base().get("meta", key);

/** Runs `act` in one transaction that reaches the disk before it is complete. */
export async function strictly(stores, act) {
  const transaction = base().transaction(stores, "readwrite", { durability: "strict" });
  // A refusal inside aborts the transaction; both promises tell of it, and one hearer is enough.
  transaction.done.catch(() => {});
  let answer;
  try {
    answer = await act(transaction);
  } catch (error) {
    try { transaction.abort(); } catch { /* it has ended by itself */ }
    throw error;
  }
  await transaction.done;
  return answer;
}

/** Like `strictly`; when the phone is full the ballast is given up first, so that text still fits. */
export async function strictlyWithRoom(stores, act, onFull) {
  try {
    return await strictly(stores, act);
  } catch (error) {
    if (error?.name !== "QuotaExceededError") throw error;
    await base().delete("meta", "ballast");
    onFull();
    return strictly(stores, act);
  }
}

/** Two megabytes that are held back for the day on which the phone is full. */
export async function keepBallast() {
  try {
    if (!(await base().count("meta", "ballast"))) await base().put("meta", noise(BALLAST), "ballast");
  } catch { /* the phone is full already */ }
}

/** Bytes that no browser can write down in fewer: two megabytes of noughts would hold nothing back. */
function noise(size) {
  const bytes = new Uint8Array(size);
  for (let at = 0; at < size; at += 65536) crypto.getRandomValues(bytes.subarray(at, at + 65536));
  return bytes;
}

export function onChange(listener) {
  listeners.add(listener);
}

/** Tells this tab and the others that something was written. */
export function changed(what = "changed") {
  channel?.postMessage({ what });
  tellListeners(what);
}

function tellListeners(what) {
  for (const listener of listeners) listener(what);
}
