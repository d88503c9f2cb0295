// Audits the pages of a running server; lighthouse.py starts it and reads the line.
import { launch } from "chrome-launcher";
import { desktopConfig, startFlow } from "lighthouse";
import puppeteer from "puppeteer-core";

const { url, record, classList, password, flags, device } = JSON.parse(process.argv[2]);
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
  await page.goto(`${url}batch`);
  await (await page.$("#file")).uploadFile(classList);
  await flow.navigate(() => page.click("form.form button[type=submit]"), { name: "class" });
  if (!(await page.$("table.students"))) throw new Error(`no class: ${await page.title()}`);
  await flow.navigate(`${url}model`, { name: "model" });
  await page.goto(`${url}records`);
  await page.type("#password", password);
  await Promise.all([page.waitForNavigation(), page.click("form.message button[type=submit]")]);
  await flow.navigate(`${url}records`, { name: "records", disableStorageReset: true });
  if (!(await page.$("#upload"))) throw new Error(`no records: ${await page.title()}`);
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
