Configuration M365TenantConfig
{
  Import-DscResource -ModuleName "Microsoft365DSC"
  PPPowerAppPolicyUrlPatterns "x" { }
}
