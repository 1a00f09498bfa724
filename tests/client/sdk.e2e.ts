import { describe } from '@jest/globals';
import { startChromium } from '../helpers/chromium-browser.ts';
import { describeSdk } from './sdk-scenarios.ts';

describe('the published browser client, in Chromium', () => describeSdk(startChromium));
