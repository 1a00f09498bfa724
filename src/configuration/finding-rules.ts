import type { CatalogueFeature, CataloguePackage } from './catalogue-rules.ts';

/** One thing to do. */
export type Step =
  | { kind: 'createFeature'; feature: CatalogueFeature }
  | { kind: 'changeFeature'; feature: CatalogueFeature }
  | { kind: 'createPackage'; package: CataloguePackage }
  | { kind: 'changeDraft'; package: CataloguePackage }
  /** What a published package costs, and its metadata. */
  | { kind: 'changeOuter'; package: CataloguePackage };

/** What a comparison came to, in a sentence for people; with something to do, or without. */
export interface Finding {
  line: string;
  step?: Step;
}

/** Something that is wished for and will not be done. */
export const refused = (line: string): Finding => ({ line: `[ERROR] ${line}` });

/** Something that is not wished for and stays. */
export const kept = (line: string): Finding => ({ line: `[WARNING] ${line}` });

/** What the file says, or what is there if it says nothing. */
export function spoken<Value>(said: Value | undefined, present: Value): Value {
  return said === undefined ? present : said;
}
