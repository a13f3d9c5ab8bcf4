/* The fixed lists of the field, in the order of their buttons. */
import { t } from "./words.js";

export const OUTCOMES = ["nobody", "refused", "consulted", "interested", "applied", "customer", "ineligible"];
const TRADES = ["wholesale_retail", "catering", "other_services", "manufacturing", "farm_production"];
const APPROACHES = ["cold_visit", "referral", "channel", "strategic"];
const SEGMENTS = ["micro", "farm", "consumer"];
const NEEDS = ["now", "three_months", "none"];
const HOWS = ["spoken_sms", "screen", "paper", "qr"];
export const CHANNELS = ["phone", "sms", "wechat"];
export const METRICS = ["leaflets", "wechat_adds", "doors"];
export const MEASURES = ["visits", "consults", "applications", "accepted"];
export const STAGES = ["consult", "application", "accepted"];

const named = (group, codes) => codes.map((code) => [code, t(`${group}.${code}`)]);
const withNone = (pairs) => [["", "—"], ...pairs];

export const trades = () => named("trade", TRADES);
export const approaches = () => withNone(named("approach", APPROACHES));
export const segments = () => withNone(named("segment", SEGMENTS));
export const needs = () => withNone(named("need", NEEDS));
export const hows = () => named("how", HOWS);
export const intents = () => ["A", "B", "C"].map((code) => [code, t(`intent.${code}`)]);
export const premises = () => withNone(named("premises", ["owned", "rented"]));
export const turnovers = () => withNone(named("turnover", ["under_50", "50_200", "200_500", "over_500"]));
export const stages = () => [["", t("stage.none")], ...named("stage", STAGES)];
