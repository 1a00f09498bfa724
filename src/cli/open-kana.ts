#!/usr/bin/env -S node --heap-growing-percent=50
import '../start/environment.ts';

// Imported afterwards: in a bundle, what several files share would be evaluated before this file.
await import('./open-kana/program.ts');
