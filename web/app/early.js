// Before the first paint: the chosen look, so that no page flashes in the other one. A classic script, the only one.
(() => {
    try {
        const theme = localStorage.getItem("alidav.theme");
        if (theme === '"dark"' || theme === '"light"') document.documentElement.dataset.theme = JSON.parse(theme);
    } catch { /* no storage: the system's look */ }
})();
