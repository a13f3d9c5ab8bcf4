/* Starts the phone pages: one page, screens by the address behind the #. */
import { S, findDevice, findUser } from "./account.js";
import { button, confirmed, fill, h, note, toast } from "./dom.js";
import * as drafts from "./drafts.js";
import * as records from "./records.js";
import * as leads from "./screen_leads.js";
import * as lead from "./screen_lead.js";
import * as more from "./screen_more.js";
import * as outbox from "./screen_outbox.js";
import * as record from "./screen_record.js";
import * as team from "./screen_team.js";
import * as today from "./screen_today.js";
import * as visit from "./screen_visit.js";
import * as store from "./store.js";
import { flush, signOut } from "./sync.js";
import { page, t } from "./words.js";
import { letIn, register, wish } from "./worker.js";

const edit = (place, id) => (S.records.find((one) => one.uuid === id)?.kind === "visit" ? visit : lead).build(place, id);
const SCREENS = {
  today: { title: "tab.today", tab: "today", build: today.build },
  record: { title: "tab.record", tab: "record", build: record.build, own: true },
  visit: { title: "record.visit", tab: "record", build: visit.build, own: true },
  lead: { title: "record.lead", tab: "record", build: lead.build, own: true },
  one: { title: "lead.one", tab: "leads", build: leads.buildOne, own: true },
  edit: { title: "outbox.edit", tab: "record", build: edit, own: true },
  leads: { title: "tab.leads", tab: "leads", build: leads.build, own: true },
  outbox: { title: "outbox", tab: null, build: outbox.build },
  team: { title: "team", tab: null, build: team.build, own: true },
  pk: { title: "tab.pk", tab: "pk", build: more.buildPk, own: true },
  meetings: { title: "tab.meetings", tab: "meetings", build: more.buildMeetings, own: true },
  about: { title: "about", tab: null, build: more.build },
};
const EVERY = 60_000;
const at = (id) => document.getElementById(id);
let refresh = null;
let shown = null;
let turn = 0;
let ready = false;
let target = ""; // address and user of the screen that is there or on its way


/* ---- screens ---- */

function route() {
  const [name, argument] = location.hash.slice(1).split("/").map(decodeURIComponent);
  if (name === "lead" && argument) return ["one", argument];
  return [name in SCREENS && name !== "one" ? name : "today", argument];
}

const aim = () => `${S.user}|${location.hash}`;

/** Draws the screen unless it is there for this user already: a form that is being filled in is not drawn again. */
function showIfStale() {
  if (target === aim()) refresh?.();
  else show();
}

async function show() {
  const mine = ++turn;
  const [name, argument] = route();
  target = aim();
  const screen = S.user === null && SCREENS[name].own ? SCREENS.today : SCREENS[name];
  await drafts.keepNow();
  if (mine !== turn) return;
  at("wt-title").textContent = t(screen.title);
  for (const tab of document.querySelectorAll(".wt-tabs a")) {
    if (tab.dataset.tab === screen.tab) tab.setAttribute("aria-current", "page");
    else tab.removeAttribute("aria-current");
  }
  at("wt-menu").open = false;
  const place = h("div.wt-screen", { "data-screen": name });
  refresh = null;
  const drawn = await screen.build(place, argument);
  if (mine !== turn) return;
  refresh = drawn;
  at("main").replaceChildren(place);
  if (shown !== null && shown !== location.hash) { scrollTo(0, 0); at("wt-title").focus({ preventScroll: true }); }
  shown = location.hash;
  head();
}

/** Everything outside the screen: what waits, whether there is a network, who is here. */
function head() {
  const n = records.unsent();
  const needs = records.needing().length;
  const badge = at("wt-unsent");
  badge.hidden = n === 0;
  badge.textContent = n;
  at("wt-outbox").setAttribute("aria-label", n ? t("outbox.label", { n }) : t("outbox"));
  document.title = `${n ? `(${n}) ` : ""}${at("wt-title").textContent} · ${page.product}`;
  navigator.setAppBadge?.(n).catch(() => {});
  const state = S.sending && n ? "sending" : S.net === "ok" && n ? "ok_waiting" : S.net;
  at("wt-state").textContent = n ? t("to_send", { n }) + (needs ? ` · ${t("needs_you", { n: needs })}` : "") : t(`head.${state}`);
  const out = S.net === "signed_out" && S.user !== null;
  fill(at("wt-notes"),
    S.trouble && note("bad", t(S.trouble)),
    S.warning && note("warn", t(`warning.${S.warning}`)),
    S.net === "forbidden" && note("bad", h("p", {}, t("net.forbidden.words")), h("a", { href: "/today" }, t("full.pages"))),
    out && note("warn", h("p", {}, t("net.signed_out.words")), h("a.wt-btn", { href: today.signInAddress() }, t("sign_in"))));
  at("wt-signout").hidden = S.user === null;
  at("wt-signin").hidden = S.user !== null;
  at("wt-signin").href = today.signInAddress();
  at("wt-team").hidden = !(S.session?.lead_of?.length || S.bundle?.may?.team);
  at("wt-who").textContent = S.session?.user?.name ?? "";
}

let looking = null;
/** Something was written, here or in another tab: the numbers and the screen follow, a form that is being filled in stays. */
function look(what = "changed") {
  if (what.startsWith("sent:contested")) toast(t("status.contested"), "warn", { label: t("outbox.show"), run: () => { location.hash = "#outbox"; } }, 12);
  if (what === "left" || what === "user") { followOtherTab().then(showIfStale); return; }
  clearTimeout(looking);
  looking = setTimeout(async () => {
    if (!store.isOpen()) return;
    if (what !== "net") await followOtherTab();
    head();
    refresh?.();
    letIn();
  }, 30);
}

/** Takes over who is signed in from another tab. */
async function followOtherTab() {
  const other = ((await store.meta("user")) ?? null) !== S.user;
  if (other) { await findUser(); records.forgetReadable(); }
  await records.load();
  if (other) showIfStale();
}

/* ---- menu ---- */

async function leave() {
  const n = records.unsent();
  const words = [t("sign_out.words"), n ? t("sign_out.unsent", { n }) : ""].filter(Boolean);
  if (!(await confirmed(t("sign_out"), words, t("sign_out")))) return;
  await signOut();
  toast(t("sign_out.done"), "good");
  location.hash = "#today";
}

async function otherLanguage(event) {
  event.preventDefault();
  const { href, lang } = event.currentTarget;
  await drafts.keepNow();
  // The server's sentences follow, when it can be told.
  if (S.csrf) {
    const form = new URLSearchParams({ language: lang === "en" ? "en" : "zh", next: "/m/", csrf_token: S.csrf });
    await Promise.race([fetch("/language", { method: "POST", body: form, redirect: "manual" }).catch(() => {}), new Promise((done) => { setTimeout(done, 1500); })]);
  }
  location.assign(new URL(href).pathname + location.hash);
}

/* ---- start ---- */

function hears() {
  addEventListener("hashchange", show);
  addEventListener("wt-show", show);
  addEventListener("wt-look", () => look());
  addEventListener("online", () => { S.retryAt = 0; flush(); });
  addEventListener("offline", () => { S.net = "away"; head(); });
  addEventListener("pagehide", () => drafts.keepNow());
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) { drafts.keepNow(); if (records.unsent()) wish(); }
    else { look(); flush(); }
  });
  setInterval(() => { if (!document.hidden && (records.unsent() || S.photos.length || Date.now() - S.bundleAt > 300_000)) flush(); }, EVERY);
  store.onChange((what) => { if (what === "drafts") show(); else look(what); });
  at("wt-signout").addEventListener("click", leave);
  at("wt-language").addEventListener("click", otherLanguage);
  at("wt-menu").addEventListener("keydown", (event) => { if (event.key === "Escape") { at("wt-menu").open = false; at("wt-menu").querySelector("summary").focus(); } });
  document.addEventListener("click", (event) => { if (!at("wt-menu").contains(event.target)) at("wt-menu").open = false; });
  navigator.serviceWorker?.addEventListener("message", (event) => { if (event.data?.do === "send") flush({ force: true }); });
}

/** The page is shown again as it was when it was left. */
async function comeBack() {
  if (!(await store.comeBack())) return;
  if (!ready) { location.reload(); return; }
  await followOtherTab();
  look();
  flush();
}

function trouble(key) {
  S.trouble = key;
  head();
  if (key === "store.newer") fill(at("main"), note("bad", h("p", {}, t(key)), button(t("update.reload"), () => location.reload())));
}

function plain() {
  fill(at("main"), h("section.wt-panel", {}, h("h2", {}, t("plain.title")), h("p", {}, t("plain.words")),
    h("div.wt-row", {}, h("a.wt-btn.wt-primary", { href: "/leads/new" }, t("record.lead")), h("a.wt-btn", { href: "/log" }, t("log.open")), h("a.wt-btn", { href: "/today" }, t("full.pages")))));
  at("wt-state").textContent = t("plain.state");
}

async function start() {
  // Ahead of every other listener: nothing begins a transaction on the way out.
  addEventListener("pagehide", store.leave);
  addEventListener("pageshow", (event) => { if (event.persisted) comeBack(); });
  const able = "indexedDB" in self && self.crypto?.subtle && self.Promise && "showModal" in HTMLDialogElement.prototype;
  if (!able) { plain(); return; }
  try {
    await Promise.race([store.open(trouble), new Promise((_, fail) => { setTimeout(() => fail(new Error("slow")), 8000); })]);
  } catch (error) {
    plain();
    if (error.message === "slow") trouble("store.blocked");
    return;
  }
  await findDevice();
  await findUser();
  await records.load();
  hears();
  await show();
  ready = true;
  register();
  records.tidy();
  flush({ bundle: true });
}

start();

