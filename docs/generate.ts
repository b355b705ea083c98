/** Writes the pages that are made from declarations of the code. `npm run docs`; a test says when it has to run. */
import { writeFileSync } from 'node:fs';
import { generated } from './generated.ts';

for (const [path, text] of generated()) writeFileSync(path, text);
