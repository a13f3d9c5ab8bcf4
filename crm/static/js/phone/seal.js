/* Two locks. To the server: only it opens what is sealed. To the phone: a key of the user that never leaves the store. */
import { b64url, fromB64url, fromUtf8, sha256, utf8 } from "./bytes.js";

const CURVE = { name: "ECDH", namedCurve: "P-256" };

/** A fresh pair of keys for one message, and the key that follows from it and the server's. */
async function oneTime(serverKey) {
  const server = await crypto.subtle.importKey("raw", fromB64url(serverKey.public), CURVE, false, []);
  const pair = await crypto.subtle.generateKey(CURVE, false, ["deriveBits"]);
  const epk = new Uint8Array(await crypto.subtle.exportKey("raw", pair.publicKey));
  const shared = await crypto.subtle.deriveBits({ name: "ECDH", public: server }, pair.privateKey, 256);
  const source = await crypto.subtle.importKey("raw", shared, "HKDF", false, ["deriveKey"]);
  const info = utf8(`waituo-seal-1|${serverKey.id}`);
  const key = await crypto.subtle.deriveKey(
    { name: "HKDF", hash: "SHA-256", salt: epk, info }, source, { name: "AES-GCM", length: 256 }, false, ["encrypt"]);
  return { epk, key };
}

async function locked(key, bytes, aad) {
  const iv = crypto.getRandomValues(new Uint8Array(12));
  const ct = await crypto.subtle.encrypt({ name: "AES-GCM", iv, additionalData: utf8(aad) }, key, bytes);
  return { iv, ct: new Uint8Array(ct) };
}

/** The envelope of a text that only the server opens. */
export async function sealText(serverKey, id, user, text) {
  const { epk, key } = await oneTime(serverKey);
  const { iv, ct } = await locked(key, utf8(text), `waituo|${id}|${user}`);
  return { v: 1, key: serverKey.id, epk: b64url(epk), iv: b64url(iv), ct: b64url(ct) };
}

/** A photo that only the server opens, and the address that its bytes give it. */
export async function sealPhoto(serverKey, user, bytes) {
  const { epk, key } = await oneTime(serverKey);
  const { iv, ct } = await locked(key, bytes, `waituo|photo|${user}`);
  const sealed = new Uint8Array(epk.length + iv.length + ct.length);
  sealed.set(epk);
  sealed.set(iv, epk.length);
  sealed.set(ct, epk.length + iv.length);
  return { sealed, sha256: await sha256(sealed) };
}

/** Whether something has the shape of an envelope: what has not would only be refused. */
export const isEnvelope = (it) =>
  Boolean(it) && it.v === 1 && [it.key, it.epk, it.iv, it.ct].every((part) => typeof part === "string" && part.length > 0);

export const newUserKey = () => crypto.subtle.generateKey({ name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"]);

/** A value that this user reads again on this phone. */
export async function hide(key, value) {
  const iv = crypto.getRandomValues(new Uint8Array(12));
  const ct = await crypto.subtle.encrypt({ name: "AES-GCM", iv }, key, utf8(JSON.stringify(value)));
  return { iv, ct: new Uint8Array(ct) };
}

/** The value, or null when it cannot be read: another key, or damage. */
export async function reveal(key, hidden) {
  if (!key || !hidden) return null;
  try {
    return JSON.parse(fromUtf8(await crypto.subtle.decrypt({ name: "AES-GCM", iv: hidden.iv }, key, hidden.ct)));
  } catch {
    return null;
  }
}
