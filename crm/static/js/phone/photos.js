/* A photo of the shop front: made smaller here, which also drops where and with what it was taken, then sealed. */
import { S } from "./account.js";
import { Trouble, mustAsk } from "./net.js";
import { sealPhoto } from "./seal.js";
import * as store from "./store.js";

const LONGEST = 1600;
const PART = 256 * 1024;
const LARGEST = 6 * 1024 * 1024;

export const canTakePhotos = () => "createImageBitmap" in self;

/** Keeps a photo sealed on this phone: {sha256, bytes, canvas}. The canvas is for looking at it until it is saved. */
export async function takePhoto(file, onFull) {
  const canvas = await smaller(file);
  const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.8));
  if (!blob || blob.size > LARGEST - 100) throw new Error("too large");
  if (!(await thereIsRoom(blob.size))) { onFull(); throw new Error("no room"); }
  const { sealed, sha256 } = await sealPhoto(S.serverKey, S.user, await blob.arrayBuffer());
  await store.base().put("photos", { sha256, user: S.user, record: null, bytes: sealed, size: sealed.length, at: Date.now() });
  return { sha256, bytes: sealed.length, canvas };
}

async function smaller(file) {
  const picture = await createImageBitmap(file, { imageOrientation: "from-image" }).catch(() => createImageBitmap(file));
  const scale = Math.min(1, LONGEST / Math.max(picture.width, picture.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(picture.width * scale);
  canvas.height = Math.round(picture.height * scale);
  canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
  picture.close?.();
  return canvas;
}

async function thereIsRoom(bytes) {
  try {
    const { quota, usage } = await navigator.storage.estimate();
    return quota - usage > bytes + 4 * 1024 * 1024;
  } catch {
    return true;
  }
}

export const dropPhoto = (sha256) => store.base().delete("photos", sha256);

/** Sends photos whose record the server has, in parts, going on where a break left off. */
export async function sendPhotos(post) {
  for (const photo of await store.base().getAll("photos")) {
    if (photo.user !== S.user || !photo.record) continue;
    const record = await store.base().get("records", photo.record);
    if (record && record.state !== "sent") continue;
    await sendPhoto(photo, post);
  }
}

async function sendPhoto(photo, post) {
  const address = `/m/api/photos/${photo.sha256}`;
  let { data } = await mustAsk(address);
  while (!data.complete && data.state !== "refused") {
    const from = Number(data.received) || 0;
    const part = photo.bytes.slice(from, from + PART);
    if (!part.length) throw new Trouble("garbage");
    const headers = { "Content-Type": "application/octet-stream" };
    const answer = await mustAsk(`${address}?offset=${from}&total=${photo.bytes.length}`, { ...post({ body: part, headers }), method: "PUT", timeout: 60000 });
    if (answer.status === 409 && Number(answer.data.received) === from) throw new Trouble("garbage");
    data = answer.data;
  }
  if (data.complete || data.state === "refused") await store.base().delete("photos", photo.sha256);
}
