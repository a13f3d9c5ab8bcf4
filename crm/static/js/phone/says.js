/* Sentences of several screens: what happened to a record, and what it was. */
import { S } from "./account.js";
import { note, toast } from "./dom.js";
import * as records from "./records.js";
import { t } from "./words.js";

export const full = () => toast(t("store.full"), "bad", null, 12);

/** What the browsers of WeChat and WeCom cannot do. */
export const withoutWorker = () => !("serviceWorker" in navigator) && note("info", t("plain.no_worker"));

export function savedToast(act = null, words = null) {
  toast(`${words ?? t("saved")} · ${t("to_send", { n: records.unsent() })}`, "good", act);
}

export function failedToast(error) {
  if (error instanceof records.NoKey) toast(t("save.no_key"), "bad", null, 12);
  else if (error instanceof records.NoCampaign) toast(t("save.no_campaign"), "bad", null, 12);
  else if (error?.name === "QuotaExceededError") toast(t("save.full"), "bad", null, 12);
  else toast(t("save.failed"), "bad", null, 12);
}

/** One line for a record: "Visit · Consulted · Catering". */
export function summary(record) {
  const data = records.dataOf(record) ?? {};
  const parts = [t(`kind.${record.kind}`)];
  if (data.outcome) parts.push(t(`outcome.${data.outcome}`));
  if (data.name) parts.push(data.name);
  if (data.metric) parts.push(`${t(`metric.${data.metric}`)} ${data.delta > 0 ? "+" : "−"}${Math.abs(data.delta)}`);
  if (data.lead) parts.push(nameOf(data.lead));
  if (data.stage) parts.push(t(`stage.${data.stage}`));
  if (data.trade) parts.push(t(`trade.${data.trade}`));
  return parts.filter(Boolean).join(" · ");
}

export function nameOf(uid) {
  const lead = S.bundle?.leads.find((one) => one.uid === uid);
  return lead?.name ?? records.dataOf(S.records.find((one) => one.uuid === uid) ?? {})?.name ?? "";
}
