// Stores an exam, sends it to Skolverket and prints who is not through.
//
//     PROVKEDJA_URL=http://127.0.0.1:8000 PROVKEDJA_KEY=pk_… node send_roster.js roster.json
//
// provkedja.d.ts is made of the service's description by openapi-typescript.

import { readFileSync } from "node:fs";
import { randomUUID } from "node:crypto";
import { argv, env, exit } from "node:process";
import createClient from "openapi-fetch";
import type { components, paths } from "./provkedja.js";

type Run = components["schemas"]["Run"];
type Problem = components["schemas"]["Problem"];

const client = createClient<paths>({
  baseUrl: env.PROVKEDJA_URL,
  headers: { Authorization: `Bearer ${env.PROVKEDJA_KEY}` },
});

// Keep this id: the next roster of the same exam goes to the same address.
const activity_id = randomUUID();
const body = JSON.parse(readFileSync(argv[2]!, "utf8"));
const stored = await client.PUT("/activities/{activity_id}", { params: { path: { activity_id } }, body });
const activity = stored.data ?? fail(stored.error);
console.log(`stored ${activity.roster.counts.persons} persons, ${activity.findings.errors} with errors`);

// The same key again gives the same run: a request that was cut off can be repeated.
const accepted = await client.POST("/activities/{activity_id}/provision", {
  params: { path: { activity_id }, header: { "idempotency-key": randomUUID() } },
  body: { on_record_error: "continue" },
});
const run = await ended(accepted.data ?? fail(accepted.error));
console.log(`run ${run.id}: ${run.status}, ${run.summary.en}`);

for (const job of run.jobs) {
  console.log(`${job.title}: ${job.progress.succeeded} of ${job.progress.total} accepted`);
  await printErrors(job.id);
}
exit(run.status === "succeeded" ? 0 : 1);

// Asks until the run has ended, as often as the service wants to be asked.
async function ended(run: Run): Promise<Run> {
  while (!["succeeded", "failed", "cancelled"].includes(run.status)) {
    const { data, error, response } = await client.GET("/runs/{run_id}", { params: { path: { run_id: run.id } } });
    run = data ?? fail(error);
    const seconds = Number(response.headers.get("Retry-After") ?? 0);
    await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  }
  return run;
}

// Prints who did not get there, and why, page by page.
async function printErrors(job_id: string): Promise<void> {
  let cursor: string | null | undefined;
  do {
    const { data, error } = await client.GET("/jobs/{job_id}/records", {
      params: { path: { job_id }, query: { status: ["error"], limit: 200, cursor } },
    });
    const page = data ?? fail(error);
    for (const record of page.data) {
      console.log(`  ${record.name}: ${record.messages.map((message) => message.code).join(", ")}`);
    }
    cursor = page.next_cursor;
  } while (cursor);
}

function fail(problem: Problem | undefined): never {
  console.error(problem ? `${problem.title}: ${problem.detail} (${problem.instance})` : "no answer");
  exit(1);
}
