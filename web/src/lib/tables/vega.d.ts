/** What Vega exports and its types leave out. */
export {};

declare module "vega" {
  export function locale(number: object, time: object): object;
}
