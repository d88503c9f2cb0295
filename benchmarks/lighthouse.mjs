// Audits the form and the result of a running server; lighthouse.py starts it and reads the line.
import { launch } from "chrome-launcher";
import { desktopConfig, startFlow } from "lighthouse";
import puppeteer from "puppeteer-core";

const { url, record, flags, device } = JSON.parse(process.argv[2]);
const chrome = await launch({ chromeFlags: flags });
try {
  const browser = await puppeteer.connect({ browserURL: `http://127.0.0.1:${chrome.port}` });
  const page = await browser.newPage();
  const config = device === "desktop" ? desktopConfig : undefined;
  const flow = await startFlow(page, { config, flags: { maxWaitForLoad: 30_000 } });
  await flow.navigate(url, { name: "form" });
  await page.evaluate((answers) => {
    for (const [name, value] of Object.entries(answers)) {
      const fields = document.getElementsByName(name);
      if (fields[0].type === "radio") [...fields].find((field) => field.value === value).checked = true;
      else fields[0].value = value;
    }
  }, record);
  await flow.navigate(() => page.click("#form button[type=submit]"), { name: "result" });
  if (!(await page.$("#answer data"))) throw new Error(`no result: ${await page.title()}`);
  const { steps } = await flow.createFlowResult();
  const found = steps.map(({ name, lhr }) => ({
    page: name,
    address: lhr.finalDisplayedUrl,
    version: lhr.lighthouseVersion,
    scores: Object.fromEntries(
      Object.entries(lhr.categories).map(([key, category]) => [key, category.score]),
    ),
    short: Object.values(lhr.audits)
      .filter((audit) => audit.score !== null && audit.score < 0.9)
      .map((audit) => `${audit.id}${audit.displayValue ? `: ${audit.displayValue}` : ""}`),
  }));
  console.log(JSON.stringify(found));
  await browser.disconnect();
} finally {
  chrome.kill();
}
