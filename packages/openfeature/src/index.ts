export { type Known, OpenKanaProvider, type OpenKanaProviderOptions, unlimited } from './provider.ts';
