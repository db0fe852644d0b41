// @ts-check
// The pages' beginning: what the server says of itself.
const boot = JSON.parse(document.getElementById("boot")?.textContent ?? "{}");
document.body.textContent = boot.title;
