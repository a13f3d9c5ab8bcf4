/* When a phone never gets through: all that waits, sealed as it is, in one file that the desk takes in. */
import { b64url, isoWithOffset } from "./bytes.js";
import { S } from "./account.js";
import { isEnvelope } from "./seal.js";
import * as store from "./store.js";

/** Offers the file for download; the number of records in it. Colleagues' records go along: only the server opens them. */
export async function exportFile() {
  const records = (await store.base().getAll("records")).filter((record) => (record.state === "waiting" || record.state === "needs") && isEnvelope(record.envelope));
  const named = new Set(records.flatMap((record) => record.attachments ?? []));
  const photos = (await store.base().getAll("photos")).filter((photo) => named.has(photo.sha256) || photo.record);
  const content = {
    waituo: "rescue-1", device: S.device, exported_at: isoWithOffset(new Date()),
    records: records.map(({ uuid, sha256, user, envelope }) => ({ uuid, sha256, user, envelope })),
    photos: photos.map((photo) => ({ sha256: photo.sha256, bytes: b64url(photo.bytes) })),
  };
  const address = URL.createObjectURL(new Blob([JSON.stringify(content)], { type: "application/octet-stream" }));
  const link = document.createElement("a");
  link.href = address;
  link.download = `waituo-${content.exported_at.slice(0, 16).replace(/[-:]/g, "").replace("T", "-")}.waituo`;
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(address), 60000);
  return records.length;
}
