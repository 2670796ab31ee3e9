// Evaluates requests against policies with @cloud-copilot/iam-simulate. infra/checks/iam.py calls it.
//
//     node simulate.mjs FOLDER < requests.json > results.json
//
// FOLDER holds node_modules. Each request is a `simulation` in the package's format. Each result is "Allowed", "ExplicitlyDenied",
// "ImplicitlyDenied", or the error that kept the request from being evaluated, such as an action that AWS doesn't have.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { resolve } from 'node:path';

const require = createRequire(resolve(process.argv[2], 'package.json'));
const { runSimulation } = require('@cloud-copilot/iam-simulate');

const results = [];
for (const simulation of JSON.parse(readFileSync(0, 'utf8'))) {
  const result = await runSimulation(simulation, {});
  results.push(result.resultType === 'error' ? `error: ${JSON.stringify(result.errors)}` : result.overallResult);
}
process.stdout.write(JSON.stringify(results));
