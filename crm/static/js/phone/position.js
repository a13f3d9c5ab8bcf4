/* Where a visit was, coarse: three decimals are about 100 m. It is taken by itself and never waited for. */

const WEAK = 200;
let found = null;
let state = "none";
const listeners = new Set();

export const position = () => (found && Date.now() - found.at < 5 * 60000 ? found.value : null);
export const positionState = () => (state === "found" && position() === null ? "none" : state);
export const isWeak = (value) => value.accuracy > WEAK;

export function onPosition(listener) {
  listeners.clear();
  listeners.add(listener);
}

export async function lookForPosition() {
  if (!navigator.geolocation || state === "looking") return;
  try {
    const allowed = await navigator.permissions?.query({ name: "geolocation" });
    if (allowed?.state === "denied") return say("denied");
  } catch { /* an older browser asks by itself */ }
  if (!position()) say("looking");
  navigator.geolocation.getCurrentPosition(
    ({ coords }) => {
      const round = (degrees) => Math.round(degrees * 1000) / 1000;
      found = { at: Date.now(), value: { lat: round(coords.latitude), lon: round(coords.longitude), accuracy: Math.round(coords.accuracy) } };
      say("found");
    },
    (error) => say(error.code === 1 ? "denied" : position() ? "found" : "none"),
    { enableHighAccuracy: true, timeout: 10000, maximumAge: 60000 },
  );
}

function say(now) {
  state = now;
  for (const listener of listeners) listener();
}
