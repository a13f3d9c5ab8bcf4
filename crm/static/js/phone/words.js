/* Every word of the screens comes from the page, in its language. */

const table = JSON.parse(document.getElementById("phone-words").textContent);
export const page = document.body.dataset;
export const lang = page.lang;

/** The words of a key, with {name} filled in. A key without words shows itself, so that it is noticed. */
export function t(key, values = {}) {
  const words = table[key] ?? key;
  return words.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}

const WEEKDAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/** 2026-11-27 周五 of "2026-11-27". */
export function day(value) {
  if (!value) return "—";
  const [year, month, date] = value.slice(0, 10).split("-").map(Number);
  return `${value.slice(0, 10)} ${t("weekday." + WEEKDAYS[new Date(Date.UTC(year, month - 1, date)).getUTCDay()])}`;
}

/** Hour and minute where the bank is; the day before it when it is not today. */
export function clock(moment) {
  const there = bankTime(moment);
  const today = bankTime(Date.now()).slice(0, 10);
  return there.slice(0, 10) === today ? there.slice(11, 16) : `${there.slice(5, 10)} ${there.slice(11, 16)}`;
}

/** The business day of a moment of the bank's clock. */
export const dayOf = (moment) => bankTime(moment).slice(0, 10);

function bankTime(moment) {
  const parts = new Intl.DateTimeFormat("en-GB", {
    timeZone: "Asia/Shanghai", year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", hourCycle: "h23",
  }).formatToParts(new Date(moment));
  const part = (type) => parts.find((one) => one.type === type).value;
  return `${part("year")}-${part("month")}-${part("day")} ${part("hour")}:${part("minute")}`;
}
