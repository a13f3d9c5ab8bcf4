/* Asks the server. What is not its JSON counts as no answer: networks in cafés answer everything with a page of their own. */

export class Trouble extends Error {
  /** kind: away, garbage, signed_out, forbidden, busy, refused, too_large. */
  constructor(kind, answer = null) {
    super(kind);
    this.kind = kind;
    this.answer = answer;
  }
}

const TIMEOUT = 15000;

export async function ask(path, { method = "GET", json = null, body = null, headers = {}, redirect = "manual", timeout = TIMEOUT } = {}) {
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), timeout);
  try {
    const response = await fetch(path, {
      method, credentials: "same-origin", cache: "no-store", redirect, signal: stop.signal,
      headers: { Accept: "application/json", ...(json ? { "Content-Type": "application/json" } : {}), ...headers },
      body: json ? JSON.stringify(json) : body,
    });
    if (response.status === 304) return { status: 304, data: null, etag: null };
    const data = await parsed(response);
    const led = response.redirected ? new URL(response.url).pathname : null;
    return { status: response.status, data, etag: response.headers.get("ETag"), retryAfter: waitOf(response), led };
  } catch {
    throw new Trouble("away");
  } finally {
    clearTimeout(timer);
  }
}

/** The answer of a request that should succeed; otherwise a Trouble that says what is wrong. */
export async function mustAsk(path, options) {
  const answer = await ask(path, options);
  const { status, data } = answer;
  if (status === 401 && data) throw new Trouble("signed_out", answer);
  if (status === 413) throw new Trouble("too_large", answer);
  if (status === 429 || status === 503 || status === 507) throw new Trouble("busy", answer);
  if (!data && status !== 304) throw new Trouble("garbage", answer);
  if (status === 403) throw new Trouble("forbidden", answer);
  if (status >= 500) throw new Trouble("busy", answer);
  if (status >= 400 && status !== 409) throw new Trouble("refused", answer);
  return answer;
}

async function parsed(response) {
  if (!/json/.test(response.headers.get("Content-Type") ?? "")) return null;
  try {
    const data = JSON.parse(await response.text());
    return data && typeof data === "object" ? data : null;
  } catch {
    return null;
  }
}

function waitOf(response) {
  const value = response.headers.get("Retry-After");
  if (!value) return 0;
  const seconds = /^\d+$/.test(value) ? Number(value) : (Date.parse(value) - Date.now()) / 1000;
  return Number.isFinite(seconds) ? Math.min(Math.max(seconds, 0), 3600) : 0;
}
