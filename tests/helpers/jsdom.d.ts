// The types that are published for jsdom would make every file of the project one of a browser.
declare module 'jsdom' {
  export class VirtualConsole {}
  export class JSDOM {
    constructor(
      html: string,
      options: { url: string; runScripts: 'outside-only'; virtualConsole: VirtualConsole },
    );
    readonly window: { eval(script: string): unknown; close(): void };
  }
}
