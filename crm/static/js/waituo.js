/* Small habits of every page. No framework: each block stands alone and does nothing where its marks are absent. */
(() => {
  "use strict";
  const find = (selector, root = document) => root.querySelector(selector);
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const on = (name, act, target = document) => target.addEventListener(name, act);
  const word = (name) => document.body.dataset["word" + name] || "";
  const TOKEN_LIFE = 50 * 60 * 1000; // a page that stood open for longer takes a new token before it sends
  let tokenTaken = Date.now();

  function toast(text, tone = "info", button = null, stays = false) {
    const line = document.createElement("div");
    line.className = "wt-toast wt-toast-" + tone;
    line.textContent = text;
    if (button) line.append(button);
    find("#wt-toasts")?.append(line);
    if (!stays) setTimeout(() => line.remove(), button ? 15000 : 6000);
  }

  /* ---- security token ---- */
  const tokenMeta = () => find('meta[name="csrf-token"]');
  async function freshToken() {
    const source = find('meta[name="csrf-refresh"]')?.content;
    const answer = await fetch(source || location.href, { headers: { Accept: source ? "application/json" : "text/html" } });
    const text = await answer.text();
    let token;
    if (source) { try { token = JSON.parse(text).token; } catch { /* signed out: the server will say so */ } }
    else token = find('meta[name="csrf-token"]', new DOMParser().parseFromString(text, "text/html"))?.content;
    if (!token) return;
    tokenMeta().content = token;
    all('input[name="csrf_token"]').forEach((field) => { field.value = token; });
    tokenTaken = Date.now();
  }
  on("htmx:configRequest", (event) => {
    if (event.detail.verb === "get") return;
    event.detail.headers["X-CSRFToken"] = tokenMeta().content;
    if (event.detail.parameters.csrf_token) event.detail.parameters.csrf_token = tokenMeta().content;
  });
  on("htmx:responseError", async (event) => {
    const { xhr, elt } = event.detail;
    if (xhr.status === 401) { signedOut(); return; }
    if (xhr.status === 400 && xhr.responseText.includes('data-error="csrf"') && !elt.dataset.retried) {
      elt.dataset.retried = "1";
      await freshToken();
      window.htmx.trigger(elt, elt.tagName === "FORM" ? "submit" : "click");
    } else toast(word("Failed"), "bad");
  });

  /* ---- the session ended behind the page: it is said once, and what polls stops ---- */
  function signedOut() {
    if (document.body.classList.contains("wt-signed-out")) return;
    document.body.classList.add("wt-signed-out");
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = word("SignIn");
    button.addEventListener("click", () => { all("form[data-keep]").forEach((form) => saveForm(form)); location.reload(); }); // the server leads to the sign-in and back
    toast(word("SignedOut"), "warn", button, true);
  }

  /* ---- network and polling ---- */
  const lost = (is) => document.body.classList.toggle("wt-lost", is);
  on("htmx:sendError", () => { if (!document.body.classList.contains("wt-lost")) toast(word("Offline"), "warn"); lost(true); });
  on("htmx:timeout", () => lost(true));
  on("htmx:afterOnLoad", () => lost(false));
  on("htmx:beforeRequest", (event) => { if ((document.hidden || document.body.classList.contains("wt-signed-out")) && event.target.hasAttribute("data-poll")) event.preventDefault(); });
  on("visibilitychange", () => { if (!document.hidden) all("[data-poll]").forEach((e) => window.htmx?.trigger(e, "refresh")); });

  /* ---- the sender's own id ---- */
  function uuid() {
    if (crypto.randomUUID) return crypto.randomUUID(); // only there on https and localhost
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    bytes[6] = (bytes[6] & 15) | 64;
    bytes[8] = (bytes[8] & 63) | 128;
    const hex = [...bytes].map((b) => b.toString(16).padStart(2, "0")).join("");
    return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
  }
  const fillIds = (root) => all("input[data-client-uid]", root).forEach((field) => { if (!field.value) field.value = uuid(); });

  /* ---- sending ---- */
  on("submit", async (event) => {
    const form = event.target;
    if (form.method === "dialog") return;
    if (form.method === "get") { // empty filters stay out of the address
      const unused = [...form.elements].filter((e) => e.name && !e.value && !e.disabled);
      unused.forEach((e) => { e.disabled = true; });
      setTimeout(() => unused.forEach((e) => { e.disabled = false; }));
      return;
    }
    if (form.dataset.sent) { event.preventDefault(); return; }
    if (event.defaultPrevented || form.matches("[hx-post],[hx-put],[hx-delete]")) return;
    form.dataset.sent = "1";
    const by = event.submitter;
    // A browser that believes to be offline may still reach a server on its own machine: asking for a token finds out.
    const unsure = navigator.onLine === false && !form.dataset.reached;
    delete form.dataset.reached;
    if (unsure || Date.now() - tokenTaken > TOKEN_LIFE) {
      event.preventDefault();
      try { await freshToken(); } catch { delete form.dataset.sent; toast(word("Unsent"), "warn"); return; }
      delete form.dataset.sent;
      form.dataset.reached = "1";
      tokenTaken = Date.now();
      form.requestSubmit(by || undefined);
      return;
    }
    if (form.hasAttribute("data-forget")) {
      unkept.clear();
      sessionStorage.clear();
      try { localStorage.setItem("waituo.signed-out", "1"); } catch { /* the phone pages forget at the next sign-in too */ }
    }
    markSent(form);
    setTimeout(() => all("button[type=submit], button:not([type])", form).forEach((b) => { b.disabled = true; }));
  });
  on("pageshow", (event) => {
    if (event.persisted) all("form[data-sent]").forEach((form) => {
      delete form.dataset.sent;
      all("button:disabled", form).forEach((b) => { b.disabled = false; });
    });
  }, window);
  on("change", (event) => { if (event.target.matches("form[data-auto-submit] select")) event.target.form.requestSubmit(); });

  /* ---- long forms are kept in this tab until they are sent; short ones when they are sent, in case that fails ---- */
  let typing = 0;
  const unkept = new Set(); // forms typed into a moment ago
  const SHORT = "form[method=post]:not([data-keep], [data-forget], .wt-inline-form)";
  const keepName = (form) => form.dataset.keep || "short:" + (form.getAttribute("action") || "");
  const keepKey = (form) => ["keep", document.body.dataset.actor, location.pathname, keepName(form)].join(":");
  const keepable = (form) => [...form.elements].filter((e) => e.name && !["hidden", "password", "file", "submit", "button"].includes(e.type) && !e.hasAttribute("data-private"));
  // What its writer was looking at goes with a draft: put back onto a newer page it is found stale, and overwrites nobody unseen.
  const hiddenOf = (form) => [...form.elements].filter((e) => e.type === "hidden" && e.name && !["csrf_token", "client_uid"].includes(e.name));
  function readKept(key) { try { return JSON.parse(sessionStorage.getItem(key)); } catch { return null; } }
  function saveForm(form, told = false) {
    const values = keepable(form).map((e) => [e.name, e.type === "checkbox" || e.type === "radio" ? e.value : null, e.matches("[type=checkbox],[type=radio]") ? e.checked : e.value]);
    const seen = told ? [] : hiddenOf(form).map((e) => [e.name, e.value]);
    try { sessionStorage.setItem(keepKey(form), JSON.stringify({ values, seen, sent: false })); } catch { /* a full store must not stop the typing */ }
  }
  function keepAll() {
    clearTimeout(typing);
    unkept.forEach((form) => saveForm(form));
    unkept.clear();
  }
  function markSent(form) {
    keepAll(); // what was typed a moment ago goes along, and is not kept as unsent afterwards; other forms of the page stay
    if ((form.dataset.keep || form.matches(SHORT)) && document.body.dataset.actor && keepable(form).length) saveForm(form);
    const kept = readKept(keepKey(form));
    if (kept) sessionStorage.setItem(keepKey(form), JSON.stringify({ ...kept, sent: true }));
  }
  function restore(form) {
    const kept = readKept(keepKey(form));
    if (!kept || find("[aria-invalid], .wt-note-bad", form)) return; // the server has already given back what was typed
    if (kept.sent && document.body.hasAttribute("data-answer")) { // so it has here, and told what others wrote meanwhile
      if (keepable(form).length) saveForm(form, true);
      return;
    }
    let changed = false;
    for (const [name, option, value] of kept.values) {
      const field = keepable(form).find((e) => e.name === name && (option === null || e.value === option));
      if (!field) continue;
      const slot = option === null ? "value" : "checked";
      if (field[slot] !== value) { field[slot] = value; changed = true; }
    }
    if (!changed) return;
    const seen = new Map(kept.seen);
    const fresh = hiddenOf(form).map((e) => [e, e.value]);
    hiddenOf(form).forEach((e) => { if (seen.has(e.name)) e.value = seen.get(e.name); });
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = word("Discard");
    button.addEventListener("click", () => { sessionStorage.removeItem(keepKey(form)); form.reset(); fresh.forEach(([e, value]) => { e.value = value; }); button.parentElement.remove(); });
    toast(word("Restored"), "info", button);
  }
  function tidyKept() {
    const kept = Object.keys(sessionStorage).filter((key) => key.startsWith("keep:"));
    if (document.body.dataset.error) { // what was sent did not arrive: it is put back when its form is looked at again
      kept.filter((key) => readKept(key)?.sent).forEach((key) => sessionStorage.setItem(key, JSON.stringify({ ...readKept(key), sent: false })));
      return;
    }
    if (!document.body.dataset.actor) return; // signed out: whoever signs in next tells whose it is
    const arrived = find(".wt-note-good[role=status]") !== null; // the server says that it was saved
    const here = arrived ? [] : all("form[data-keep]").map(keepKey);
    kept.forEach((key) => {
      const foreign = !key.startsWith("keep:" + document.body.dataset.actor + ":");
      if (foreign || (readKept(key)?.sent && !here.includes(key))) sessionStorage.removeItem(key);
    });
  }
  on("input", (event) => {
    const form = event.target.form;
    if (!form?.dataset.keep) return;
    unkept.add(form);
    clearTimeout(typing);
    typing = setTimeout(keepAll, 300);
  });

  on("pagehide", keepAll, window);

  /* ---- keys ---- */
  const writing = (e) => e.matches?.("input, textarea, select, [contenteditable]");
  on("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (event.target.closest?.("[data-grid]")) return moveInGrid(event);
    if (writing(event.target) || find("dialog[open]")) return;
    if (event.key === "/") { const box = find("[data-search]"); if (box) { event.preventDefault(); box.focus(); box.select(); } }
    else if (event.key === "n") find("a[data-new]")?.click();
    else if (event.key === "?") find("#wt-help")?.showModal();
  });
  function moveInGrid(event) {
    const field = event.target;
    if (!field.matches("input")) return;
    const [steps, across] = { ArrowUp: [-1, 0], ArrowDown: [1, 0], Enter: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key] || [];
    if (steps === undefined) return;
    const atEdge = field.selectionStart === field.selectionEnd && field.selectionStart === (across < 0 ? 0 : field.value.length);
    if (across && !atEdge && field.selectionEnd - field.selectionStart !== field.value.length) return;
    const next = cellAt(field, steps, across);
    if (next || event.key !== "ArrowLeft") event.preventDefault();
    next?.focus();
    next?.select();
  }
  function cellAt(field, down, across) {
    const rows = all("tr", field.closest("[data-grid]")).map((row) => all("input:not([type=hidden]):not(:disabled)", row)).filter((cells) => cells.length);
    const row = rows.findIndex((cells) => cells.includes(field));
    return rows[row + down]?.[rows[row].indexOf(field) + across];
  }
  on("paste", (event) => { // a block copied from a spreadsheet fills the grid from the cell where it is put
    const start = event.target.closest?.("[data-grid] input");
    const text = event.clipboardData?.getData("text/plain") || "";
    if (!start || !/[\t\n]/.test(text.trim())) return;
    event.preventDefault();
    text.trimEnd().split(/\r?\n/).forEach((line, down) => line.split("\t").forEach((value, across) => {
      const cell = cellAt(start, down, across);
      if (!cell) return;
      cell.value = value.trim();
      cell.dispatchEvent(new Event("input", { bubbles: true }));
    }));
  });

  /* ---- buttons ---- */
  document.querySelector("dialog[data-open]")?.showModal(); // a form that was refused opens again, as it was typed
  on("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    if (button.dataset.dialog) document.getElementById(button.dataset.dialog)?.showModal();
    else if (button.hasAttribute("data-close")) button.closest("dialog")?.close();
    else if (button.hasAttribute("data-back")) history.back();
    else if (button.hasAttribute("data-print")) print();
    else if (button.dataset.login) { // the demo's card
      find("#login").value = button.dataset.login;
      find("#password").value = button.dataset.password;
      find("#password").form.querySelector("[type=submit]").focus();
    } else if (button.dataset.copy) copy(document.getElementById(button.dataset.copy));
  });
  async function copy(source) {
    if (!source) return;
    const text = source.value ?? source.textContent;
    try { await navigator.clipboard.writeText(text); } catch { // without https the clipboard is closed: select and use the old way
      const range = document.createRange();
      if (source.select) source.select(); else { range.selectNodeContents(source); getSelection().removeAllRanges(); getSelection().addRange(range); }
      document.execCommand("copy");
    }
    toast(word("Copied"), "good");
  }

  /* ---- ticking rows for a bulk action ---- */
  on("change", (event) => {
    const box = event.target;
    if (!box.matches("[data-check-all], [data-check]")) return;
    const scope = box.closest("form, main");
    const boxes = all("[data-check]", scope);
    if (box.hasAttribute("data-check-all")) boxes.forEach((b) => { b.checked = box.checked; });
    const count = boxes.filter((b) => b.checked).length;
    all("[data-check-count]", scope).forEach((e) => { e.textContent = count; });
    all("[data-check-bar]", scope).forEach((e) => { e.hidden = !count; });
  });

  function prepare(root) { fillIds(root); all("form[data-keep]", root).concat(all(SHORT, root)).forEach(restore); }
  on("htmx:afterSwap", (event) => prepare(event.target));
  tidyKept();
  prepare(document);
  find("[data-focus]")?.focus();
})();
