import { setFlagsFromString } from 'node:v8';

/*
 * Long-lived objects take about 40 MiB under any load. By default the heap grows to several times that before it is
 * collected, without a measurable gain in speed. Imported before anything else.
 */
setFlagsFromString('--heap-growing-percent=50');
