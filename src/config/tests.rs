//! What a person with a file and an environment sees.

use std::collections::BTreeMap;
use std::path::Path;

use secrecy::ExposeSecret as _;

use super::*;

fn read(text: &str) -> Result<Loaded, Faults> {
    Config::read(text, Some(Path::new("alidav.toml")), &BTreeMap::new())
}

fn with_variables(text: &str, variables: &[(&str, &str)]) -> Result<Loaded, Faults> {
    let variables: BTreeMap<String, String> =
        variables.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
    Config::read(text, Some(Path::new("alidav.toml")), &variables)
}

#[test]
fn the_example_file_says_the_defaults() {
    let text = include_str!("../../config.example.toml");
    let loaded = read(text).unwrap();
    let mut expected = Config::new(vec![Account::named("main")], vec![Mount::at("/", "main")]);
    expected.clients.clone_from(&loaded.config.clients);
    expected.users.clone_from(&loaded.config.users);
    assert_eq!(format!("{:#?}", loaded.config), format!("{expected:#?}"));
    assert_eq!((loaded.config.users.len(), loaded.config.clients.len()), (1, 1));
}

#[test]
fn the_example_file_says_the_same_in_chinese() {
    // A line without what is said of it; a `#` within quotes is a value's.
    let setting = |line: &str| {
        let comment =
            |(at, sign): &(usize, char)| *sign == '#' && *at > 1 && line[..*at].matches('"').count().is_multiple_of(2);
        line[..line.char_indices().find(comment).map_or(line.len(), |(at, _)| at)].trim_end().to_owned()
    };
    let settings = |text: &str| {
        let lines = text.lines().filter(|line| line.contains(" = ") || line.starts_with('['));
        lines.map(setting).collect::<Vec<_>>()
    };
    let chinese = include_str!("../../config.example.zh-CN.toml");
    let english = settings(include_str!("../../config.example.toml"));
    assert!(english.len() > 80);
    assert_eq!(settings(chinese), english);
    let said = chinese.lines().filter(|line| line.contains(" = "));
    assert!(said.clone().all(|line| line.rsplit("# ").next().is_some_and(|words| !words.is_empty())));
}

#[test]
fn the_smallest_file_is_one_user_and_one_mount() {
    let loaded = read("[[user]]\nname = \"me\"\npassword = \"secret\"\n[[mount]]\npath = \"/\"\n").unwrap();
    assert_eq!(loaded.config.accounts[0].name, "main");
    assert!(loaded.warnings[0].contains("plain text"));
}

#[test]
fn all_faults_are_told_at_once_with_file_key_and_remedy() {
    let text = r#"
        listen = "8080"
        dav_prefix = "/api/dav"
        shutdown_grace = 3
        [upstream]
        list_per_s = 0
        max_streams = "three"
        [cache]
        list_ttl_s = 100
        stale_ttl_s = 50
        [upload]
        part_size = "20 parsecs"
        [[mount]]
        path = "films"
        account = "nobody"
        link_policy = "proxy_url"
        [[mount]]
        path = "/"
        [[mount]]
        path = "/"
        [[user]]
        name = "a:b"
        password = "$argon2id$broken"
        [[client]]
        user_agent = "("
    "#;
    let faults = read(text).unwrap_err();
    let told = faults.to_string();
    for part in [
        "alidav.toml: listen: ",
        "alidav.toml: dav_prefix: ",
        "alidav.toml: shutdown_grace: is no setting; did you mean shutdown_grace_s?",
        "upstream.list_per_s: ",
        "upstream.max_streams: ",
        "cache.stale_ttl_s: ",
        "upload.part_size: ",
        "mount[0].path: ",
        "mount[0].account: \"nobody\" is no account; there is main",
        "mount[0].down_proxy_urls: ",
        "mount[0].down_proxy_token: ",
        "mount[2].path: ",
        "user[0].name: ",
        "user[0].password: ",
        "client[0].user_agent: ",
        "client[0].link_policy: ",
    ] {
        assert!(told.contains(part), "{part} is not in\n{told}");
    }
}

#[test]
fn what_follows_from_a_fault_is_not_told() {
    let text = r#"
        listen = ["nonsense"]
        [upstream]
        max_streams = "8"
        [download]
        connections = 5
        [[mount]]
        path = "films"
        [[mount]]
        path = "/"
        [[user]]
        name = "a:b"
        password = 5
        [[client]]
        link_policy = "prxy"
    "#;
    let faults = read(text).unwrap_err().0;
    let keys: Vec<&str> = faults.iter().map(|fault| fault.key.as_str()).collect();
    let told = ["listen", "upstream.max_streams", "mount[0].path", "client[0].link_policy", "user[0].name"];
    assert_eq!(keys, [&told[..], &["user[0].password"]].concat());
}

#[test]
fn what_would_be_useless_later_is_a_fault_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().display();
    for (text, key, word) in [
        ("listen = [\"127.0.0.1:80\", \"127.0.0.1:80\"]".to_owned(), "listen", "127.0.0.1:80 twice"),
        ("log = \"inof\"".to_owned(), "log", "did you mean info?"),
        ("log_format = \"jsn\"".to_owned(), "log_format", "must be one of text, json"),
        ("log_fromat = \"json\"".to_owned(), "log_fromat", "did you mean log_format?"),
        ("dav_prefix = \"/a/../b\"".to_owned(), "dav_prefix", "must be a path"),
        ("dav_prefix = \"/files\"".to_owned(), "dav_prefix", "used by the server itself"),
        ("public_url = \"https://h/a//b\"".to_owned(), "public_url", "plain letters"),
        ("public_url = \"https://h/%e7\"".to_owned(), "public_url", "plain letters"),
        ("[web]\nsession_days = 0".to_owned(), "web.session_days", "from 1 to 400"),
        ("[web]\nstart_with = \"best\"".to_owned(), "web.start_with", "auto, rendition, original"),
        ("[web]\nmedia_hosts = [\"https://a; script-src *\"]".to_owned(), "web.media_hosts", "must be hosts"),
        (format!("[tls]\ncert = \"{folder}\"\nkey = \"{folder}/k\""), "tls.cert", "cannot be read"),
        (format!("[tls]\ncert = \"{folder}\"\nkey = \"{folder}/k\""), "tls.key", "cannot be read"),
        (format!("[upload]\nspool_dir = \"{folder}/none\""), "upload.spool_dir", "make the folder"),
        (
            "[[user]]\nname = \"me\"\npassword = \"$argon2id$v=19$m=19456,t=2,p=1$YWxpZGF2LWV4YW1wbGU\"".to_owned(),
            "user[0].password",
            "its end is missing",
        ),
    ] {
        let faults = read(&format!("{text}\n[[mount]]\n")).unwrap_err().0;
        let told = faults.iter().find(|fault| fault.key == key).unwrap_or_else(|| panic!("{key} is not in {faults:?}"));
        assert!(told.problem.contains(word), "{told}");
    }
    for log in ["info,alidav=trace", "off", "WARN", "alidav", "alidav::upstream=debug,hyper"] {
        assert!(read(&format!("log = \"{log}\"\n[[mount]]\n")).is_ok(), "{log}");
    }
}

#[test]
fn a_mapped_network_is_the_one_that_it_stands_for() {
    let text = "trusted_proxies = [\"::ffff:10.0.0.1\", \"::ffff:10.0.0.0/104\", \"fd00::/8\"]\n[[mount]]\n";
    let nets = read(text).unwrap().config.trusted_proxies;
    assert_eq!(nets, ["10.0.0.1/32", "10.0.0.0/8", "fd00::/8"].map(|net| net.parse().unwrap()));
}

#[test]
fn a_secret_is_never_repeated() {
    let text = "[[user]]\nname = \"me\"\npassword = 12345678\n[[account]]\nrefresh_token = [\"hunter2\"]\n[[mount]]\n";
    let told = read(text).unwrap_err().to_string();
    assert!(!told.contains("12345678") && !told.contains("hunter2"), "{told}");
    let told = read("[[account]]\nrefresh_token = \"hunter2\n").unwrap_err().to_string();
    assert!(!told.contains("hunter2") && told.contains("line 2"), "{told}");
    for value in ["\"ftp://me:hunter2@host\"", "[\"http://me:hunter2@host\"]"] {
        let told = read(&format!("[upstream]\noutbound_proxy = {value}\n[[mount]]\n")).unwrap_err().to_string();
        assert!(!told.contains("hunter2") && told.contains("host"), "{told}");
    }
    let loaded = read("[[account]]\nrefresh_token = \"hunter2\"\n[[mount]]\n").unwrap();
    assert!(!format!("{:?}", loaded.config).contains("hunter2"));
}

#[test]
fn strangers_are_let_in_only_where_the_file_says_so() {
    let told = read("listen = [\"0.0.0.0:80\"]\n[[mount]]\n").unwrap_err().to_string();
    assert!(told.contains("0.0.0.0:80") && told.contains("[anonymous]"), "{told}");
    let warned = |text: &str| read(text).unwrap().warnings.iter().any(|words| words.contains("nobody can come in"));
    assert!(warned("[[mount]]\n") && warned("[[mount]]\n[anonymous]\npermission = \"none\"\n"));
    assert!(!warned("[[mount]]\n[anonymous]\npermission = \"read\"\n"));
    assert!(read("listen = [\"0.0.0.0:80\"]\n[[mount]]\n[anonymous]\npermission = \"read\"\n").is_ok());
    assert!(read("listen = [\"127.0.0.1:80\", \"[::1]:80\", \"unix:/x\"]\n[[mount]]\n").is_ok());
}

#[test]
fn variables_lie_over_the_file_and_can_say_it_all() {
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("token");
    std::fs::write(&secret, "from-a-file\n").unwrap();
    let loaded = with_variables(
        "",
        &[
            ("ALIDAV_LISTEN", "127.0.0.1:1, [::1]:2"),
            ("ALIDAV_UPSTREAM__MAX_STREAMS", "5"),
            ("ALIDAV_UPSTREAM__LIST_PER_S", "2.5"),
            ("ALIDAV_ACCOUNT__MAIN__REFRESH_TOKEN_FILE", secret.to_str().unwrap()),
            ("ALIDAV_MOUNT__0__PATH", "/drive"),
            ("ALIDAV_MOUNT__0__READ_ONLY", "true"),
            ("ALIDAV_USER__ME__PASSWORD", "p"),
            ("OTHER", "x"),
        ],
    )
    .unwrap();
    let config = loaded.config;
    assert_eq!(config.listen.len(), 2);
    assert_eq!((config.upstream.max_streams, config.upstream.list_per_s), (5, 2.5));
    assert_eq!(config.accounts[0].refresh_token.as_ref().unwrap().expose_secret(), "from-a-file");
    assert_eq!((config.mounts[0].path.as_str(), config.mounts[0].read_only), ("/drive", true));
    assert_eq!(config.users[0].name, "me");
}

#[test]
fn blanks_belong_to_a_password_and_not_to_a_token() {
    let loaded = read(
        "[[mount]]\n[[user]]\nname = \"me\"\npassword = \" two words \"\n[[account]]\nrefresh_token = \" abc \"\n",
    );
    let config = loaded.unwrap().config;
    assert_eq!(config.users[0].password.expose_secret(), " two words ");
    assert_eq!(config.accounts[0].refresh_token.as_ref().unwrap().expose_secret(), "abc");
}

#[test]
fn a_wrong_variable_is_named() {
    let told = with_variables("[[mount]]\n", &[("ALIDAV_UPSTREM__X", "1"), ("ALIDAV_UPSTREAM__MAX_STREAMS", "many")]);
    let told = told.unwrap_err().to_string();
    assert!(told.contains("ALIDAV_UPSTREAM__MAX_STREAMS: upstream.max_streams"), "{told}");
    assert!(told.contains("upstrem"), "{told}");
    let told = with_variables("[[mount]]\n", &[("ALIDAV_USER__ME__PASSWORD", "\u{fffd}x")]).unwrap_err().to_string();
    assert_eq!(told, "ALIDAV_USER__ME__PASSWORD: is no UTF-8");
}

#[test]
fn alist_s_words_are_understood() {
    let text = "[[mount]]\nlink_policy = \"native_proxy\"\norder_direction = \"desc\"\n";
    let mount = read(text).unwrap().config.mounts.remove(0);
    assert_eq!((mount.link_policy, mount.order_direction), (LinkPolicy::Proxy, OrderDirection::Desc));
    let mount = read("[[mount]]\nlink_policy = \"302\"\n").unwrap().config.mounts.remove(0);
    assert_eq!(mount.link_policy, LinkPolicy::Redirect);
    let told = read("auth-user = \"me\"\nport = 8080\n[[mount]]\nmount_path = \"/\"\ncache_expiration = 30\n");
    let told = told.unwrap_err().to_string();
    for ours in ["[[user]] name", "listen", "[[mount]] path", "[cache] list_ttl_s"] {
        assert!(told.contains(&format!("is no setting: here it is {ours}")), "{told}");
    }
}

#[test]
fn a_log_filter_that_would_silence_the_log_is_refused() {
    for (word, hint) in [
        ("warning", "did you mean warn?"),
        ("inf", "did you mean info?"),
        ("VERBOSE", "did you mean debug?"),
        ("loud", "write alidav=debug"),
        ("alidav=loud", "try \"info\""),
    ] {
        let told = read(&format!("log = \"{word}\"\n[[mount]]\n")).unwrap_err().to_string();
        assert!(told.contains(hint), "{told}");
    }
    for filter in ["warn", "Info", "info,alidav=debug", "off", "alidav[request{user=me}]=trace,info"] {
        assert!(read(&format!("log = \"{filter}\"\n[[mount]]\n")).is_ok(), "{filter}");
    }
}

// Keeps 71.
#[test]
fn a_token_server_s_kind_of_sign_in_is_carried_through_or_refused() {
    let read = |query: &str| {
        let address = format!("https://api.oplist.org/alicloud/renewapi{query}");
        read(&format!("[[account]]\noauth_token_urls = [\"{address}\"]\n[[mount]]\n"))
    };
    for query in
        ["", "?driver_txt=alicloud_qr", "?driver_txt=alicloud_tv&server_use=true", "?apps_types=alicloud_tv&key=x"]
    {
        assert!(read(query).is_ok(), "{query}");
    }
    for (query, words) in [
        ("?driver_txt=alicloud_go", "leave it out"),
        ("?apps_types=alicloud_go", "leave it out"),
        ("?driver_txt=alicloud_cs", "there are alicloud_qr"),
        ("?driver_txt=", "there are alicloud_qr"),
        ("?driver_txt=alicloud_qr&apps_types=alicloud_tv", "keep one"),
        ("?server_use=false", "client_id and client_secret"),
        ("?client_uid=1&client_key=2", "client_id and client_secret"),
    ] {
        let told = read(query).unwrap_err().to_string();
        assert!(told.contains("account[0].oauth_token_urls") && told.contains(words), "{told}");
    }
}

#[test]
fn the_example_of_a_view_says_its_defaults() {
    let text = include_str!("../../config.example.toml");
    let lines = text.lines().skip_while(|line| *line != "# [[view]]").map_while(|line| line.strip_prefix("# "));
    let block: Vec<&str> = lines.collect();
    let text = format!("public_url = \"http://a\"\n[[mount]]\n{}\n", block.join("\n"));
    let view = read(&text).unwrap().config.views.remove(0);
    assert_eq!(format!("{view:#?}"), format!("{:#?}", View::at("/strm", "http://a".parse().unwrap())));
}

#[test]
fn a_view_that_could_not_work_is_a_fault_with_the_remedy() {
    let at = "base_url = \"http://nas\"";
    for (views, key, word) in [
        ("[[view]]\npath = \"/strm\"".to_owned(), "view[0].base_url", "set public_url"),
        (format!("[[view]]\n{at}"), "view[0].path", "is missing"),
        (format!("[[view]]\npath = \"/\"\n{at}"), "view[0].path", "below the root"),
        (format!("[[view]]\npath = \"strm\"\n{at}"), "view[0].path", "absolute path"),
        (format!("[[view]]\npath = \"/films\"\n{at}"), "view[0].path", "the mount at \"/films\""),
        (format!("[[view]]\npath = \"/a\"\n{at}\n[[view]]\npath = \"/a/b\"\n{at}"), "view[1].path", "cover each other"),
        (format!("[[view]]\npath = \"/a\"\nsource = \"/a/b\"\n{at}"), "view[0].source", "no view shows another"),
        (
            format!("[[view]]\npath = \"/a\"\n{at}\n[[view]]\npath = \"/b\"\nsource = \"/a\"\n{at}"),
            "view[1].source",
            "no view",
        ),
        (format!("[[view]]\npath = \"/a\"\n{at}\nquality = [\"4K\"]"), "view[0].quality", "QHD, FHD"),
        (format!("[[view]]\npath = \"/a\"\n{at}\nquality = []"), "view[0].quality", "original"),
        (format!("[[view]]\npath = \"/a\"\n{at}\nquality = [\"HD\", \"hd\"]"), "view[0].quality", "twice"),
        (format!("[[view]]\npath = \"/a\"\n{at}\nmin_size = \"big\""), "view[0].min_size", "8MiB"),
        (format!("[[view]]\npath = \"/a\"\n{at}\nform = \"strn\""), "view[0].form", "strm, m3u8"),
        (format!("[[view]]\npath = \"/a\"\n{at}\ntypes = [\"a/b\"]"), "view[0].types", "extension"),
        (format!("[[view]]\npath = \"/a\"\n{at}\nalso = [\"mkv\"]"), "view[0].also", "among types"),
        (format!("[[view]]\npath = \"/a\"\n{at}\nalso = [\"strm\"]"), "view[0].also", "what the view makes"),
        (format!("[[view]]\npath = \"/a\"\n{at}\nlinks = \"plain\""), "view[0].links", "[anonymous]"),
        (format!("[[view]]\npath = \"/a\"\n{at}\nlinks = \"userinfo\""), "view[0].base_url", "me:secret@"),
        ("[[view]]\npath = \"/a\"\nbase_url = \"http://me:hunter2@nas\"".to_owned(), "view[0].base_url", "userinfo"),
        (
            "[[view]]\npath = \"/a\"\nbase_url = \"http://me:hunter2@nas\"\nlinks = \"userinfo\"".to_owned(),
            "view[0].base_url",
            "\"me\", whom there is not",
        ),
    ] {
        let faults = read(&format!("[[mount]]\npath = \"/films\"\n{views}\n")).unwrap_err().0;
        let told = faults.iter().find(|fault| fault.key == key).unwrap_or_else(|| panic!("{key} is not in {faults:?}"));
        assert!(told.problem.contains(word) && !told.problem.contains("hunter2"), "{told}");
    }
    let rooted = format!("dav_prefix = \"/\"\n[[mount]]\n[[view]]\npath = \"/a\"\n{at}\nquality = [\"HD\"]\n");
    assert!(read(&rooted).unwrap_err().to_string().contains("view[0].quality"));
    let user = "[[mount]]\n[[user]]\nname = \"a b\"\npassword = \"hunter2\"\n[[view]]\npath = \"/a\"\nlinks = \"userinfo\"\n\
                base_url = \"http://a%20b:hunter2@nas\"\n";
    let loaded = read(user).unwrap();
    assert!(loaded.warnings.iter().any(|warning| warning.contains("media servers keep them")));
    assert!(!format!("{:?}", loaded.config.views).contains("hunter2"));
    assert_eq!(loaded.config.views[0].base_url.as_str(), "http://nas/");
}
