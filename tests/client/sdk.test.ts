import { describe } from '@jest/globals';
import { startJsdom } from '../helpers/jsdom-browser.ts';
import { describeSdk } from './sdk-scenarios.ts';

describe('the published browser client', () => describeSdk(startJsdom));
