import type { CatalogueFeature, CataloguePackage } from '../rules.ts';

/** One thing to do. */
export type Step =
  | { kind: 'createFeature'; feature: CatalogueFeature }
  | { kind: 'changeFeature'; feature: CatalogueFeature }
  | { kind: 'createPackage'; package: CataloguePackage }
  | { kind: 'changeDraft'; package: CataloguePackage }
  /** What a published package costs, and its metadata. */
  | { kind: 'changeOuter'; package: CataloguePackage };

/** What a comparison came to, in a sentence for people; with something to do, or without. */
export type Finding =
  | { kind: 'CHANGE'; message: string; step: Step }
  | { kind: 'REFUSED' | 'KEPT'; message: string; step?: undefined };

/** Something that will be done. */
export const change = (message: string, step: Step): Finding => ({ kind: 'CHANGE', message, step });

/** Something that is wished for and will not be done. */
export const refused = (message: string): Finding => ({ kind: 'REFUSED', message });

/** Something that is not wished for and stays. */
export const kept = (message: string): Finding => ({ kind: 'KEPT', message });

const marks = { CHANGE: '', REFUSED: '[ERROR] ', KEPT: '[WARNING] ' };

/** A finding as the `kana` command shows it. */
export const lineOf = ({ kind, message }: Finding): string => `${marks[kind]}${message}`;

/** What the file says, or what is there if it says nothing. */
export function spoken<Value>(said: Value | undefined, present: Value): Value {
  return said === undefined ? present : said;
}
