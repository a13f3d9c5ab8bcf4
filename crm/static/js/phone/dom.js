/* Builds elements. Data only ever becomes text: nothing here parses HTML. */
import { page, t } from "./words.js";

/** h("button.wt-btn", { type: "button", onclick }, "Save"): null and false children are left out. */
export function h(what, props = {}, ...children) {
  const [name, ...classes] = what.split(".");
  const element = document.createElement(name || "div");
  if (classes.length) element.className = classes.join(" ");
  // Browsers write the text of a form on the disk, to have it after a restart; a text of several lines obeys its form only.
  if (name === "form") element.autocomplete = "off";
  for (const [key, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (key === "value" || key === "checked") element[key] = value;
    else element.setAttribute(key, value === true ? "" : value);
  }
  add(element, children);
  return element;
}

function add(element, children) {
  for (const child of children.flat(9)) if (child !== null && child !== undefined && child !== false) element.append(child);
}

export function fill(element, ...children) {
  element.replaceChildren();
  add(element, children);
}

export function icon(name) {
  const SVG = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(SVG, "svg");
  const use = document.createElementNS(SVG, "use");
  svg.setAttribute("class", "wt-icon");
  svg.setAttribute("aria-hidden", "true");
  svg.setAttribute("focusable", "false");
  use.setAttribute("href", `${page.icons}#${name}`);
  svg.append(use);
  return svg;
}

export const button = (label, onclick, { kind = "", symbol = null, ...props } = {}) =>
  h(`button.wt-btn${kind ? "." + kind : ""}`, { type: "button", onclick, ...props }, symbol && icon(symbol), h("span", {}, label));

export const link = (label, href, { kind = "", symbol = null, ...props } = {}) =>
  h(`a.wt-btn${kind ? "." + kind : ""}`, { href, ...props }, symbol && icon(symbol), h("span", {}, label));

export const note = (tone, ...children) =>
  h(`div.wt-note.wt-note-${tone}`, { role: tone === "bad" ? "alert" : "note" }, icon(tone === "info" || tone === "good" ? "info-circle" : "alert-triangle"), h("div", {}, ...children));

export const panel = (title, ...children) => h("section.wt-panel", {}, title && h("h2", {}, title), ...children);

/** Says something in passing; a button in it acts and takes it away. */
export function toast(words, tone = "info", act = null, seconds = 0) {
  const line = h(`div.wt-toast.wt-toast-${tone}`, {}, h("span", {}, words));
  if (act) line.append(h("button", { type: "button", onclick: () => { line.remove(); act.run(); } }, act.label));
  const place = document.getElementById("wt-toasts");
  place.classList.toggle("wt-high", document.querySelector(".wt-save-bar:not([hidden])") !== null);
  for (const old of [...place.children]) if (old.dataset.tone === tone || place.children.length > 2) old.remove();
  place.append(line);
  line.dataset.tone = tone;
  setTimeout(() => line.remove(), (seconds || (act ? 8 : 5)) * 1000);
}

/** A question that has to be answered; true when it was confirmed. */
export function confirmed(title, words, yes) {
  return new Promise((resolve) => {
    const box = h("dialog.wt-dialog", { "aria-labelledby": "wt-dialog-title" });
    const end = (answer) => { resolve(answer); box.close(); };
    fill(box,
      h("h2", { id: "wt-dialog-title" }, title),
      [].concat(words).map((line) => h("p", {}, line)),
      h("div.wt-row", {}, button(t("cancel"), () => end(false)), button(yes, () => end(true), { kind: "wt-danger" })));
    box.addEventListener("close", () => { resolve(false); box.remove(); });
    document.body.append(box);
    box.showModal();
  });
}

/* ---- fields ---- */
let ids = 0;
export const nextId = () => `f${++ids}`;

export function field(label, name, { type = "text", required = false, help = null, value = "", unit = null, ...props } = {}) {
  const id = nextId();
  const input = type === "area"
    ? h("textarea", { id, name, rows: 3, ...props })
    : h("input", { id, name, type, required, autocomplete: "off", ...props });
  input.value = value ?? "";
  const described = [help && `${id}h`, `${id}e`].filter(Boolean).join(" ");
  input.setAttribute("aria-describedby", described);
  return h("div.wt-field", {},
    h("label", { for: id }, label, required && h("span.wt-star", { "aria-hidden": "true" }, " *"), unit && h("span.wt-muted", {}, ` (${unit})`)),
    input, help && h("small", { id: `${id}h` }, help), h("p.wt-error", { id: `${id}e`, hidden: true }));
}

export function select(label, name, options, value = "", props = {}) {
  const id = nextId();
  const box = h("select", { id, name, ...props }, options.map(([code, words]) => h("option", { value: code }, words)));
  box.value = value ?? "";
  if (box.selectedIndex < 0) box.selectedIndex = 0;
  return h("div.wt-field", {}, h("label", { for: id }, label), box, h("p.wt-error", { id: `${id}e`, hidden: true }));
}

export function chips(label, name, options, value = "", { required = false, hint = null } = {}) {
  const group = nextId();
  return h("fieldset.wt-chips", { "data-chips": name, "aria-describedby": `${group}e` },
    h("legend", {}, label, required && h("span.wt-star", { "aria-hidden": "true" }, " *"), hint && h("span.wt-muted", {}, ` ${hint}`)),
    h("div.wt-chip-row", {}, options.map(([code, words]) => {
      const id = nextId();
      const box = h("input", { id, type: "radio", name, value: code, checked: code === value });
      // A second tap takes the choice back: nothing here has to be chosen for good.
      let was = box.checked;
      box.addEventListener("click", () => {
        if (was && !required) { box.checked = false; box.dispatchEvent(new Event("input", { bubbles: true })); }
        for (const other of document.getElementsByName(name)) other.dispatchEvent(new Event("wt-look"));
      });
      box.addEventListener("wt-look", () => { was = box.checked; });
      return h("div.wt-chip", {}, box, h("label", { for: id }, words));
    })),
    h("p.wt-error", { id: `${group}e`, hidden: true }));
}

export function tick(label, name, checked = false, help = null, value = "on") {
  const id = nextId();
  return h("div.wt-tick", {}, h("input", { id, type: "checkbox", name, checked, value }), h("label", { for: id }, label, help && h("small", {}, help)));
}

/** What a form holds: text of fields and chosen radios; a list of values for boxes of one name, true or false for a box alone. */
export function read(form) {
  const found = {};
  for (const element of form.elements) {
    const { name, type } = element;
    if (!name || type === "file") continue;
    if (type === "radio") { if (element.checked) found[name] = element.value; else found[name] ??= ""; }
    else if (type === "checkbox" && element.value !== "on") { found[name] ??= []; if (element.checked) found[name].push(element.value); }
    else if (type === "checkbox") found[name] = element.checked;
    else found[name] = element.value;
  }
  return found;
}

/** Shows the sentences beside their fields and puts the focus on the first; {} takes all away. True when there was none. */
export function tell(form, errors) {
  for (const line of form.querySelectorAll(".wt-error")) { line.hidden = true; line.textContent = ""; }
  for (const element of form.querySelectorAll("[aria-invalid]")) element.removeAttribute("aria-invalid");
  let first = null;
  for (const [name, words] of Object.entries(errors)) {
    const element = form.elements[name];
    const one = element && (element.length !== undefined && !element.options ? element[0] : element);
    const frame = one?.closest(".wt-field, .wt-chips, .wt-ticks");
    const line = frame?.querySelector(".wt-error");
    if (!line) continue;
    line.textContent = words;
    line.hidden = false;
    if (one.type !== "radio") one.setAttribute("aria-invalid", "true");
    first ??= one;
  }
  first?.focus();
  first?.closest(".wt-field, .wt-chips, .wt-ticks")?.scrollIntoView({ block: "center" });
  return Object.keys(errors).length === 0;
}
