/* The phone's own store. What stands in it is sealed or encrypted; ids, moments and states are not. */
import { openDB } from "idb";
import { uuid } from "./bytes.js";

const NAME = "waituo-phone";
const VERSION = 1;
const BALLAST = 2 * 1024 * 1024;
export const RECORD_STORES = ["records", "meta", "drafts", "photos"];
export const tab = uuid();

let db = null;
const listeners = new Set();
const channel = "BroadcastChannel" in self ? new BroadcastChannel(NAME) : null;
channel?.addEventListener("message", (event) => tellListeners(event.data?.what ?? "changed"));

export async function open(onTrouble) {
  db = await openDB(NAME, VERSION, {
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
