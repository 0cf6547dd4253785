// Words and numbers: the page's words in its language, numbers and dates in the reader's own
// notation, money without floats. It knows nothing of the page's parts.

const words = JSON.parse(document.getElementById("words").textContent);
const plural = new Intl.PluralRules(document.documentElement.lang);

/** Return the words of that name with its {slots} filled; `values.n` chooses the plural form. */
export function t(name, values = {}) {
  const found = words[name] ?? name;
  const text = typeof found === "string" ? found : (found[plural.select(values.n)] ?? found.other);
  return text.replace(/\{(\w+)\}/g, (slot, key) => {
    const value = values[key] ?? slot;
    return typeof value === "number" ? number(value) : value;
  });
}

/** Return the same, or `otherwise` where there are no words of that name. */
export function tOr(name, otherwise) {
  return name in words ? t(name) : otherwise;
}

/** Return a message of the server's as the beginning of a sentence, without its full stop. */
export function sentence(text) {
  const trimmed = text.replace(/[.\s]+$/, "");
  return trimmed.charAt(0).toUpperCase() + trimmed.slice(1);
}

export function number(value, options) {
  return new Intl.NumberFormat(undefined, options).format(value);
}

export function date(moment, options = { day: "numeric", month: "long" }) {
  return new Intl.DateTimeFormat(undefined, { timeZone: "UTC", ...options }).format(moment);
}

/** Return "in 40 seconds", "in 12 minutes", "in 3 hours", in the page's language. */
export function inTime(seconds) {
  const form = new Intl.RelativeTimeFormat(document.documentElement.lang);
  if (seconds < 120) return form.format(seconds, "second");
  if (seconds < 7200) return form.format(Math.ceil(seconds / 60), "minute");
  return form.format(Math.ceil(seconds / 3600), "hour");
}

/** Return decimals such as "0.0015" with as many places each, so that their points align. */
export function money(...decimals) {
  const places = Math.max(...decimals.map((text) => text.split(".")[1]?.length ?? 0));
  const digits = { minimumFractionDigits: places, maximumFractionDigits: places };
  return decimals.map((text) => number(Number(text), digits));
}

/** Return whole nano-units for a decimal such as "0.0015". */
export function nano(text) {
  const [whole, fraction = ""] = text.split(".");
  return BigInt(whole) * 1_000_000_000n + BigInt(fraction.padEnd(9, "0"));
}

/** Return the decimal of nano-units, with two places or more. */
export function decimal(value) {
  const fraction = String(value % 1_000_000_000n).padStart(9, "0").replace(/0{1,7}$/, "");
  return `${value / 1_000_000_000n}.${fraction}`;
}
