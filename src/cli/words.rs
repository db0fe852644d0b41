//! What `login` and `check` say, in the languages that people have here: one table, whose every line has both.
//!
//! What the service, the system or the settings' reader says of a failure is told as it is, in English.

use std::fmt::Display;

use crate::config::Environment;

/// What a person reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Language {
    English,
    Chinese,
}

impl Language {
    /// As POSIX has it: the first of these variables that is set decides.
    pub(super) fn of(environment: &dyn Environment) -> Self {
        let variables = environment.variables();
        let value = |name: &&str| variables.iter().find(|(n, value)| n == name && !value.is_empty());
        let set = ["LC_ALL", "LC_MESSAGES", "LANG"].iter().find_map(value);
        let chinese = set.is_some_and(|(_, value)| value.get(..2).is_some_and(|two| two.eq_ignore_ascii_case("zh")));
        if chinese { Self::Chinese } else { Self::English }
    }
}

/// A method for each line, which takes what stands in its braces.
macro_rules! words {
    ($($name:ident($($given:ident: $kind:ty),*) $english:literal $chinese:literal)*) => {
        impl Language {
            $(pub(super) fn $name(self, $($given: $kind),*) -> String {
                match self {
                    Self::English => format!($english),
                    Self::Chinese => format!($chinese),
                }
            })*
        }
    };
}

words! {
    // login
    memory_store()
        "the state store is in memory, so the tokens would be lost; set state = \"sqlite:alidav.db\""
        "状态只保存在内存中，登录信息会丢失；请设置 state = \"sqlite:alidav.db\""
    stopped() "stopped" "已中止"
    which_account(names: &str)
        "say which account with --account: {names}"
        "请用 --account 指定账号：{names}"
    no_account(name: &str, names: &str)
        "there is no account {name:?} in the settings; there is {names}"
        "配置里没有账号 {name:?}；现有 {names}"
    new_code(at: u32, of: u32)
        "the code has expired; here is a new one ({at} of {of})"
        "二维码已过期，这是新的一个（第 {at} 个，共 {of} 个）"
    no_more_codes(count: u32)
        "{count} codes have expired without being scanned; run the command again when the phone is at hand"
        "{count} 个二维码都过期了，没有被扫描；准备好手机后请重新运行"
    scanned() "scanned: confirm on the phone" "已扫描：请在手机上确认"
    waiting() "waiting for the code to be scanned" "等待扫描二维码"
    asking_again(trouble: &dyn Display) "asking again: {trouble}" "再次查询：{trouble}"
    no_code_from(failure: &dyn Display)
        "no code from {failure}; trying the next server"
        "没有取到二维码：{failure}；改用下一个服务器"
    signing_in(account: &str, server: &dyn Display)
        "Signing account {account:?} in through {server}."
        "账号 {account:?} 通过 {server} 登录。"
    open(url: &str) "open         {url}" "打开链接     {url}"
    as_image(url: &dyn Display) "as an image  {url}" "二维码图片   {url}"
    scan_until(until: &dyn Display)
        "or scan this with the Aliyundrive app (阿里云盘) until {until}; tick the drives to be served, and confirm:"
        "或在 {until} 之前用阿里云盘 App 扫描；勾选要使用的网盘并确认："
    not_drawn(error: &dyn Display) "(the code cannot be drawn: {error})" "（无法显示二维码：{error}）"
    signed_in_unnamed(account: &str)
        "signed in for account {account:?}; the service did not tell the name yet"
        "账号 {account:?} 已登录；服务尚未告知用户名"
    drives_unknown()
        "drives granted: not known yet; `alidav check` tells"
        "已授权的网盘：尚不清楚，可运行 `alidav check` 查看"
    signed_in_as(name: &str, account: &str)
        "signed in as {name:?} for account {account:?}"
        "账号 {account:?} 已登录，用户名 {name:?}"
    access_until(at: &dyn Display) "access token until {at}" "访问令牌有效至 {at}"
    refresh_until(at: &dyn Display)
        "refresh token until {at}; it is renewed long before by a running alidav"
        "刷新令牌有效至 {at}；运行中的 alidav 会提前续期"
    renewed() "the tokens are renewed by a running alidav" "运行中的 alidav 会自动续期"
    not_renewable()
        "without a client_secret (PKCE) it cannot be renewed: run `alidav login` again before that day"
        "没有 client_secret（PKCE）时无法续期：请在到期前重新运行 `alidav login`"
    taken_up()
        "A running alidav with this state store takes the tokens up by itself."
        "使用同一状态库的 alidav 如果正在运行，会自动采用新的登录信息。"
    no_drive(remedy: &str)
        "no drive was granted, so there is nothing to serve; {remedy}"
        "没有授权任何网盘，无法提供服务；请重新运行 `alidav login`，并在手机上勾选要使用的网盘"
    drives_granted(names: &str, default: &str, note: &str)
        "drives granted: {names}; drive_type \"default\" is the {default} drive{note}"
        "已授权的网盘：{names}；drive_type \"default\" 是 {default}{note}"
    default_not_granted()
        ": the one the drive calls so was not granted"
        "：云盘自己的默认盘没有授权"

    // check
    settings() "settings" "配置"
    environment_only() "environment only" "只有环境变量"
    note(words: &dyn Display) "note: {words}" "注意：{words}"
    users() "users" "用户"
    nobody()
        "nobody can come in; add a [[user]] with name and password"
        "没有人能访问；请添加带 name 和 password 的 [[user]]"
    certificate() "certificate" "证书"
    start() "start" "启动"
    store() "state store" "状态库"
    store_works(engine: &str, place: &dyn Display)
        "{engine}, {place}: readable and writable"
        "{engine}，{place}：可读写"
    instances(names: &str) "instances that serve from it: {names}" "正在使用它的实例：{names}"
    no_instance() "no instance serves from it" "目前没有实例在使用它"
    a_mount(path: &dyn Display) "mount {path}" "挂载 {path}"
    account_does_not_work(name: &str) "account {name} does not work" "账号 {name} 不可用"
    token_and_drives(name: &str) "account {name}, token and drives" "账号 {name}，令牌和网盘"
    works_as(name: &str, drives: &str) "signed in as {name:?}; {drives}" "已登录，用户名 {name:?}；{drives}"
    space(name: &str) "account {name}, space" "账号 {name}，空间"
    the_account_does_not_work() "the account does not work" "该账号不可用"
    lasts_and_renews(at: &dyn Display)
        "the sign-in lasts until {at}; a running server renews it long before"
        "登录有效至 {at}；运行中的服务会提前续期"
    lasts(at: &dyn Display)
        "the sign-in lasts until {at}; it cannot be renewed"
        "登录有效至 {at}；无法续期"
    space_used(used: f64, total: f64) "{used:.1} of {total:.1} GiB used" "已用 {used:.1} GiB，共 {total:.1} GiB"
    not_tried(what: &str, because: &str) "{what}: not tried, since {because}" "{what}：未测试，因为{because}"
    listing(mount: &dyn Display) "mount {mount}, listing" "挂载 {mount}，列目录"
    entries(count: usize) "{count} entries" "{count} 项"
    no_file(folders: usize, mount: &dyn Display)
        "no file to read in the first {folders} folders of {mount}; link and reads are not tried"
        "{mount} 的前 {folders} 个目录里没有可读的文件；未测试链接和读取"
    a_file(mount: &dyn Display) "mount {mount}, a file to read" "挂载 {mount}，找一个文件"
    link(mount: &dyn Display) "mount {mount}, link" "挂载 {mount}，链接"
    link_of(name: &str) "of {name:?}" "文件 {name:?}"
    host(host: &str) "host: {host}" "主机：{host}"
    signature(version: &dyn Display) "signature: {version}" "签名：{version}"
    life(seconds: u64) "life: {seconds} s" "有效期：{seconds} 秒"
    read_here(mount: &dyn Display) "mount {mount}, read by alidav" "挂载 {mount}，alidav 读取"
    bytes(count: u64) "{count} bytes" "{count} 字节"
    read_redirected(mount: &dyn Display)
        "mount {mount}, read by a redirected player"
        "挂载 {mount}，重定向的播放器读取"
    status_and_bytes(status: u16, count: u64) "status {status}, {count} bytes" "状态 {status}，{count} 字节"
    failed_at(error: &dyn Display, host: &str, remedy: &str)
        "{error} (host {host}); {remedy}"
        "{error}（主机 {host}）；{remedy}"
    proxy_this()
        "set link_policy = \"proxy\" for this mount: players that are redirected fail here, reads by alidav do not"
        "请为该挂载设置 link_policy = \"proxy\"：这里重定向的播放器读不了，alidav 可以"
    changed_meanwhile() "the file was changed meanwhile; run the check again" "文件刚被修改；请重新检查"
    see_the_log()
        "run the check again; if it stays so, the log of the server says more"
        "请重新检查；如果依旧，服务的日志里有详细信息"
    other_download()
        "another program of this account is downloading: stop it, or lower upstream.max_streams"
        "这个账号的其他程序正在下载：请停止它，或调小 upstream.max_streams"
    clock_is_off()
        "the link had no time left: compare this machine's clock with the time of day"
        "链接已无有效时间：请核对本机时钟"
    network()
        "see that this network reaches the host: DNS, firewall, upstream.outbound_proxy"
        "请检查网络能否访问该主机：DNS、防火墙、upstream.outbound_proxy"
    wait() "wait some minutes and run the check again" "请过几分钟再检查"
    host_refuses()
        "the host refuses its own links here: set upstream.steady_data_host = true, or try another network"
        "主机拒绝了自己的链接：请设置 upstream.steady_data_host = true，或换一个网络"
    views_not_tried()
        "no server runs from this state store, so the addresses of views are not tried"
        "没有使用此状态库的服务在运行，未测试视图的地址"
    view_address(base: &str) "views, address {base}" "视图，地址 {base}"
    leads_here() "leads to this server" "通向本服务"
    other_store(remedy: &str)
        "leads to an alidav with another state store, whose key is another; {remedy}"
        "通向使用另一个状态库（密钥不同）的 alidav；{remedy}"
    leads_on(to: &str)
        "only leads on to {to}, which not every player follows; set base_url, or public_url, to that"
        "只是转向 {to}，并非所有播放器都会跟随；请把 base_url 或 public_url 设为该地址"
    answers(status: &dyn Display, remedy: &str)
        "answers {status}, as this server does not; {remedy}"
        "返回 {status}，不是本服务的回答；{remedy}"
    set_base_url()
        "set base_url of the view, or public_url, to the address by which media servers and players reach this server, with the path if a proxy serves it below one"
        "请把视图的 base_url 或 public_url 设为媒体服务器和播放器访问本服务的地址；代理在子路径下时要带上路径"
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn the_first_variable_that_is_set_decides() {
        let of = |variables: &[(&str, &str)]| {
            let all = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
            Language::of(&all.collect::<BTreeMap<_, _>>())
        };
        assert_eq!(of(&[]), Language::English);
        assert_eq!(of(&[("LANG", "zh_CN.UTF-8")]), Language::Chinese);
        assert_eq!(of(&[("LANG", "en_US.UTF-8"), ("LC_MESSAGES", "zh_TW")]), Language::Chinese);
        assert_eq!(of(&[("LANG", "zh_CN.UTF-8"), ("LC_ALL", "C.UTF-8")]), Language::English);
        assert_eq!(of(&[("LANG", "zh"), ("LC_ALL", "")]), Language::Chinese);
        assert_eq!(of(&[("LANG", "é")]), Language::English);
    }
}
