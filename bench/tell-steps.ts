/** Loaded into tp before all else: writes when it was loaded, and each step's begin and end, in epoch ms, a line of JSON each. */
import { subscribe } from 'node:diagnostics_channel';
import { appendFileSync } from 'node:fs';
import { type FinishedStep, STEP_CHANNEL } from '../src/progress.ts';
import { STEPS_FILE } from './timeline.ts';

const file = process.env[STEPS_FILE] ?? '';
const epoch = (ms: number) => performance.timeOrigin + ms;
const tell = (step: FinishedStep) => appendFileSync(file, `${JSON.stringify(step)}\n`);

const loaded = epoch(performance.now());
tell({ name: 'loaded', begin: loaded, end: loaded });
subscribe(STEP_CHANNEL, (message) => {
  const { name, begin, end } = message as FinishedStep;
  tell({ name, begin: epoch(begin), end: epoch(end) });
});
