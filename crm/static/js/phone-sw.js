/* Behind the phone pages: keeps their shell, so that they open without a network. VERSION and SHELL stand in front of this.
   Answers of the server about records and people, and pages of a signed-in person, never come in here. */
const CACHE = `waituo-shell-${VERSION}`;
const KEPT = new Set(SHELL.map((address) => new URL(address, self.location.origin).href));

async function install() {
  const cache = await caches.open(CACHE);
  // Without the cookie: what is kept is what anybody gets.
  await cache.addAll(SHELL.map((address) => new Request(address, { credentials: "omit", cache: "reload" })));
}

async function activate() {
  for (const name of await caches.keys()) if (name.startsWith("waituo-shell-") && name !== CACHE) await caches.delete(name);
  await self.clients.claim();
}

async function answer(request) {
  const address = new URL(request.url);
  address.hash = "";
  const cache = await caches.open(CACHE);
  if (request.mode === "navigate") address.search = "";
  return (await cache.match(address.href)) ?? fetch(request);
}

self.addEventListener("install", (event) => event.waitUntil(install()));
self.addEventListener("activate", (event) => event.waitUntil(activate()));
self.addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.method !== "GET") return;
  const address = new URL(request.url);
  address.hash = "";
  if (request.mode === "navigate") address.search = "";
  if (KEPT.has(address.href)) event.respondWith(answer(request));
});
self.addEventListener("message", (event) => {
  if (event.data?.do === "take-over") self.skipWaiting();
});
self.addEventListener("sync", (event) => {
  event.waitUntil(self.clients.matchAll({ type: "window" }).then((pages) => pages.forEach((page) => page.postMessage({ do: "send" }))));
});
