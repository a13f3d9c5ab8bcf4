/* The service worker from the page's side: a newer one takes over only when nothing waits to be sent. */
import { toast } from "./dom.js";
import * as records from "./records.js";
import { t } from "./words.js";

let registration = null;
let asked = false;

export async function register() {
  if (!("serviceWorker" in navigator)) return;
  const first = !navigator.serviceWorker.controller;
  navigator.serviceWorker.addEventListener("controllerchange", () => {
    if (!first && asked) toast(t("update.there"), "info", { label: t("update.reload"), run: () => location.reload() }, 30);
  });
  try {
    registration = await navigator.serviceWorker.register("/m/sw.js", { scope: "/m/" });
    registration.addEventListener("updatefound", () => registration.installing?.addEventListener("statechange", letIn));
  } catch { /* inside other apps' browsers there may be none: the pages work without */ }
  letIn();
}

export function letIn() {
  if (!registration?.waiting || asked || records.unsent() > 0) return;
  asked = true;
  registration.waiting.postMessage({ do: "take-over" });
}

/** A wish of the browser to send in the background, where it knows of that. */
export async function wish() {
  try { await registration?.sync?.register("waituo-send"); } catch { /* only a bonus */ }
}
