/**
 * How long a password would stand against guessing, estimated from below: it is cut into the parts
 * that a guesser tries first (common words, runs on the keyboard, repeats, years, what is known of
 * the person), and only what is left counts as unknown. It knows nothing of how passwords are kept.
 */

import type { Key, Values } from "$lib/i18n/index.svelte";

/** What the server takes at the least. */
export const LEAST = 12;
const FEWEST_DIFFERENT = 5;

/** Guesses a second against the hash that is stored (argon2id), by somebody who has stolen it and many machines. */
const GUESSES_PER_S = 100_000;
const YEAR_S = 31_557_600;

export interface Verdict {
  meaning: "refused" | "estimated" | "proven";
  words: Key;
  values: Values;
}

/** The verdict on `password` of somebody called `known` (name, e-mail). */
export function judge(password: string, known: string[]): Verdict {
  const missing = LEAST - [...password].length;
  if (missing > 0) return { meaning: "refused", words: "passwordShort", values: { count: missing } };
  if (new Set(password).size < FEWEST_DIFFERENT) return { meaning: "refused", words: "passwordUniform", values: {} };
  const seconds = guesses(password, known) / 2 / GUESSES_PER_S;
  if (seconds < 3600) return { meaning: "refused", words: "passwordWeak", values: {} };
  if (seconds < YEAR_S) return { meaning: "estimated", words: "passwordFairDays", values: { count: Math.max(1, Math.round(seconds / 86_400)) } };
  const years = seconds / YEAR_S;
  if (years < 1000) return { meaning: "estimated", words: "passwordFair", values: { count: Math.round(years) } };
  return { meaning: "proven", words: "passwordGood", values: {} };
}

/** How many passwords a guesser who knows people tries before this one, at the least. */
function guesses(password: string, known: string[] = []): number {
  const text = plain(password);
  const own = known.flatMap((words) => plain(words).split(/[^a-z0-9]+/)).filter((word) => word.length > 2);
  // best[i]: the fewest guesses for the first i characters.
  const best = [1];
  for (let end = 1; end <= text.length; end++) {
    let least = best[end - 1]! * alphabet(password[end - 1] ?? "");
    for (let start = Math.max(0, end - 24); start < end; start++) {
      const found = familiar(text.slice(start, end), own);
      if (found !== null) least = Math.min(least, best[start]! * found);
    }
    best[end] = least;
  }
  // Capitals and signs in a word's place cost a little, as they cost a guesser.
  const capitals = password.slice(1).replace(/[^A-Z]/g, "").length;
  return best[text.length]! * 2 ** Math.min(3, capitals);
}

/** As guessers see it: no accents, no capitals, signs for the letters that they stand for. */
function plain(text: string): string {
  const bare = [...text.normalize("NFC")].map((letter) => letter.normalize("NFD")[0]!.toLowerCase());
  const signs: Record<string, string> = { "@": "a", "4": "a", "3": "e", "1": "i", "!": "i", "0": "o", $: "s", "5": "s" };
  return bare.map((letter, at) => (neighbours(bare, at) ? (signs[letter] ?? letter) : letter)).join("");
}

function neighbours(letters: string[], at: number): boolean {
  const isLetter = (letter: string | undefined) => letter !== undefined && /[a-z]/.test(letter);
  return isLetter(letters[at - 1]) && isLetter(letters[at + 1]);
}

function alphabet(letter: string): number {
  if (/[a-z]/.test(letter)) return 26;
  if (/[0-9]/.test(letter)) return 10;
  return /[A-Z]/.test(letter) ? 52 : 96;
}

/** How many guesses a part costs that follows a known pattern; null where it follows none. */
function familiar(part: string, own: string[]): number | null {
  if (own.includes(part)) return 10;
  const rank = COMMON.indexOf(part);
  if (rank >= 0) return rank + 10;
  if (part.length >= 3 && new Set(part).size === 1) return 36 * part.length;
  if (/^(19|20)\d\d$/.test(part)) return 130;
  if (part.length >= 3 && (isRun(part) || ROWS.some((row) => row.includes(part) || reversed(row).includes(part)))) {
    return 40 * part.length;
  }
  // What is repeated costs once.
  for (let size = 2; size <= part.length / 2; size++) {
    if (part.length % size === 0 && part === part.slice(0, size).repeat(part.length / size)) {
      return guesses(part.slice(0, size), own) * (part.length / size);
    }
  }
  return null;
}

function isRun(part: string): boolean {
  const steps = [...part].slice(1).map((letter, at) => letter.charCodeAt(0) - part.charCodeAt(at));
  return steps.every((step) => step === 1) || steps.every((step) => step === -1);
}

function reversed(text: string): string {
  return [...text].reverse().join("");
}

const ROWS = ["qwertyuiop", "asdfghjkl", "zxcvbnm", "azertyuiop", "qsdfghjklm", "wxcvbn", "qwertzuiop", "yxcvbnm"];

/** The words that people take, in five languages, the most taken first. */
const COMMON = (
  "password passwort motdepasse contrasena contraseña welcome willkommen bienvenue bienvenido benvenuto admin " +
  "administrator letmein iloveyou jetaime tequiero tiamo monkey dragon football fussball futbol calcio soleil " +
  "sunshine princess master hello hallo bonjour hola ciao secret geheim azerty qwerty qwertz login test user " +
  "doudou chouchou loulou marseille paris berlin hamburg madrid barcelona roma milano juventus inter napoli " +
  "schatz schalke bayern summer sommer ete verano estate winter hiver invierno inverno spring fruhling " +
  "printemps primavera autumn herbst automne otono autunno january januar janvier enero gennaio monday montag " +
  "lundi lunes lunedi thomas michael daniel andrea nicolas julien camille martin alexander stefan francesco " +
  "giuseppe carlos jose maria anna laura sarah julia sophie alejandro computer internet server office chat " +
  "tramontane assistant company entreprise firma empresa azienda superman batman pokemon starwars flower " +
  "chocolate choco amour liebe amor amore love baby angel family familie famille familia famiglia money geld " +
  "correct horse battery staple the and pass word mot passe mein meine dein the123 abc one two"
).split(" ");
