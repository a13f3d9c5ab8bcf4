/* Phones, masks, and what is wrong with a form before anybody is asked. */
import { t } from "./words.js";

/** 13800138000 of "+86 138-0013-8000" and full-width digits; "" when it is no mainland mobile. */
export function mobile(raw) {
  const digits = raw.normalize("NFKC").replace(/[\s\-().]/g, "").replace(/^(\+86|0086|86(?=1\d{10}$)|0(?=1\d{10}$))/, "");
  return /^1[3-9]\d{9}$/.test(digits) ? digits : "";
}

export const masked = (phone) => (phone.length < 8 ? "****" : `${phone.slice(0, 3)}****${phone.slice(-4)}`);
export const grouped = (phone) => (/^1\d{10}$/.test(phone) ? `${phone.slice(0, 3)} ${phone.slice(3, 7)} ${phone.slice(7)}` : phone);

/** Another number than a mainland mobile may be right; the server knows. Fewer than seven digits cannot be. */
const isNumber = (raw) => raw.normalize("NFKC").replace(/\D/g, "").length >= 7;

/** name -> sentence, for what the server would surely refuse. */
export function leadErrors(form) {
  const errors = {};
  if (!form.name.trim()) errors.name = t("error.name");
  if (!form.phone.trim()) errors.phone = t("error.phone");
  else if (!mobile(form.phone) && (!isNumber(form.phone) || /^\+?(86)?1\d+$/.test(form.phone.replace(/[\s-]/g, "")))) errors.phone = t("error.phone_form");
  if (!form.trade) errors.trade = t("error.trade");
  if (!form.enquiry) errors.enquiry = t("error.enquiry");
  if (form.amount_wan && !/^\d{1,5}([.]\d{1,2})?$/.test(form.amount_wan.trim())) errors.amount_wan = t("error.amount");
  if (form.stage === "accepted" && !form.case_number.trim()) errors.case_number = t("error.case_number");
  return errors;
}

/** Leads of the bundle whose masked phone fits this one. */
export function alike(leads, phone) {
  const mask = phone && masked(phone);
  return mask ? leads.filter((lead) => lead.phone === mask) : [];
}
