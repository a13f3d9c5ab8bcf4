/* The clock of a meeting: which item of the agenda it is time for. Without it the agenda is a plain list with its minutes. */
(() => {
  "use strict";
  const agenda = document.querySelector("[data-agenda]");
  if (!agenda) return;
  const key = "meeting-clock:" + agenda.dataset.agenda;
  const shown = agenda.querySelector("[data-agenda-clock]");
  const [start, stop] = ["start", "stop"].map((name) => agenda.querySelector(`[data-agenda-${name}]`));
  const items = [...agenda.querySelectorAll("li[data-start]")];
  const resting = shown.textContent;

  const read = () => { try { return Number(localStorage.getItem(key)) || 0; } catch { return 0; } };
  const keep = (value) => { try { if (value) localStorage.setItem(key, String(value)); else localStorage.removeItem(key); } catch { /* a closed store only forgets the start */ } };
  let began = read();

  function clock(seconds) {
    const whole = Math.abs(seconds);
    return (seconds < 0 ? "-" : "") + Math.floor(whole / 60) + ":" + String(whole % 60).padStart(2, "0");
  }
  function show() {
    start.hidden = Boolean(began);
    stop.hidden = !began;
    const seconds = Math.floor((Date.now() - began) / 1000);
    let left = null;
    for (const item of items) {
      const from = Number(item.dataset.start) * 60;
      const to = from + Number(item.dataset.minutes) * 60;
      const now = Boolean(began) && seconds >= from && (seconds < to || item === items[items.length - 1]);
      item.classList.toggle("mt-now", now);
      item.classList.toggle("mt-past", Boolean(began) && seconds >= to && !now);
      if (now) { item.setAttribute("aria-current", "step"); left = to - seconds; } else item.removeAttribute("aria-current");
    }
    shown.textContent = began ? clock(left) : resting;
    agenda.classList.toggle("mt-over", left !== null && left < 0);
  }
  start.addEventListener("click", () => { began = Date.now(); keep(began); show(); });
  stop.addEventListener("click", () => { began = 0; keep(0); show(); });
  if (began && Date.now() - began > 4 * 3600 * 1000) { began = 0; keep(0); }
  show();
  setInterval(() => { if (!document.hidden) show(); }, 1000);
})();
